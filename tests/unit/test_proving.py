"""Whether a record is what somebody known has sent: what is missing, and until when a seal holds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from schemas.identifiers import SystemId
from schemas.problems import ErrorClass, InvalidMessage, SourceNotProved
from schemas.seal import SIGNATURE_HEADER, Stamp, covered, seal
from streams.batch import Input
from streams.failures import Outcome, outcome_of
from streams.ledger.registry_watch import RegistryUnknown, RegistryWatch
from streams.proving import LIFETIME, Prover
from streams.seal_keys import SealKeys
from tests.notices import KAFKA_HEADERS, KAFKA_VALUE
from tests.signing import new_key, signature

TOPIC = "inbound.dropout-risk.v1"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
LIFETIME_MS = LIFETIME // timedelta(milliseconds=1)
DAY_MS = 24 * 60 * 60 * 1000
SCHOOL = SystemId("school-admin")


@pytest.fixture
def keys(tmp_path: Path) -> SealKeys:
    return SealKeys(tmp_path / "seal.keys")


@pytest.fixture
def prover(keys: SealKeys) -> Prover:
    """Of a worker that has never reached its database."""
    watch = RegistryWatch(create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing"))
    return Prover(keys, watch, required=True)


def sealed(keys: SealKeys, at_ms: int, appended_ms: int | None = NOW_MS) -> Input:
    record = covered(TOPIC, KAFKA_HEADERS, KAFKA_VALUE)
    header = seal(keys.sealing(), record, Stamp(SCHOOL, at_ms))
    return Input(0, None, (*KAFKA_HEADERS, header), KAFKA_VALUE, appended_ms)


def fault(prover: Prover, record: Input) -> InvalidMessage:
    with pytest.raises(InvalidMessage) as refused:
        prover.prove(TOPIC, "dropout-risk", record, NOW)
    return refused.value


def test_a_sealed_record_is_of_the_system_that_was_let_in(prover: Prover, keys: SealKeys) -> None:
    assert prover.prove(TOPIC, "dropout-risk", sealed(keys, NOW_MS), NOW) == SCHOOL


def test_an_unsealed_record_counts_only_where_no_seal_is_required(prover: Prover, keys: SealKeys) -> None:
    bare = Input(0, None, tuple(KAFKA_HEADERS), KAFKA_VALUE, NOW_MS)
    refused = fault(prover, bare)
    assert isinstance(refused, SourceNotProved)
    assert (refused.error_class, refused.sender) == (ErrorClass.NOT_SEALED, None)
    easy = Prover(keys, prover.watch, required=False)
    assert easy.prove(TOPIC, "dropout-risk", bare, NOW) is None
    spoiled = Input(0, None, sealed(keys, NOW_MS).headers, KAFKA_VALUE + b"\0", NOW_MS)
    assert fault(easy, spoiled).error_class is ErrorClass.SEAL_BROKEN


def test_a_second_proof_is_none(prover: Prover, keys: SealKeys) -> None:
    good = sealed(keys, NOW_MS)
    twice = Input(0, None, (*good.headers, good.headers[-1]), KAFKA_VALUE, NOW_MS)
    both = Input(0, None, (*good.headers, (SIGNATURE_HEADER, b"")), KAFKA_VALUE, NOW_MS)
    for record in (twice, both):
        assert fault(prover, record).error_class is ErrorClass.SEAL_BROKEN


@pytest.mark.parametrize(
    ("age_ms", "expired"),
    [
        (LIFETIME_MS, False),
        (LIFETIME_MS + 1, True),
        (-DAY_MS, False),
        (-DAY_MS - 1, True),
    ],
)
def test_a_seal_holds_to_the_millisecond(prover: Prover, keys: SealKeys, age_ms: int, expired: bool) -> None:
    record = sealed(keys, NOW_MS - age_ms)
    if not expired:
        assert prover.prove(TOPIC, "dropout-risk", record, NOW) == SCHOOL
        return
    refused = fault(prover, record)
    assert (refused.error_class, refused.sender) == (ErrorClass.SEAL_EXPIRED, SCHOOL)
    assert not isinstance(refused, SourceNotProved), "it is the sender's own, only late: it gets a receipt"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 400 * DAY_MS))
def test_what_the_broker_has_had_for_long_does_not_expire(
    prover: Prover, keys: SealKeys, waited_ms: int
) -> None:
    """A worker that was away for months still takes what was sent in time."""
    record = sealed(keys, NOW_MS - waited_ms, NOW_MS - waited_ms)
    assert prover.prove(TOPIC, "dropout-risk", record, NOW) == SCHOOL


def test_where_only_the_writer_dates_a_record_its_seal_is_as_old_as_it_is_now(
    prover: Prover, keys: SealKeys
) -> None:
    assert prover.prove(TOPIC, "dropout-risk", sealed(keys, NOW_MS - LIFETIME_MS, None), NOW) == SCHOOL
    assert fault(prover, sealed(keys, NOW_MS - LIFETIME_MS - 1, None)).error_class is ErrorClass.SEAL_EXPIRED


def test_a_signature_waits_while_nobody_knows_who_may_do_what(prover: Prover) -> None:
    header = signature(new_key(), TOPIC, KAFKA_HEADERS, KAFKA_VALUE, NOW.timestamp())
    record = Input(0, None, (*KAFKA_HEADERS, header), KAFKA_VALUE, NOW_MS)
    with pytest.raises(RegistryUnknown) as unknown:
        prover.prove(TOPIC, "dropout-risk", record, NOW)
    assert outcome_of(unknown.value) is Outcome.RETRY
