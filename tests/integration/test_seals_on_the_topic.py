"""A worker that requires seals: what nobody proves to have sent is quarantined, the next message goes on."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from schemas.identifiers import SystemId
from schemas.seal import SealKey, Stamp, covered, seal
from streams.registry import CredentialKind, Party, RegistryRefused, Right
from tests.conftest import fresh_database
from tests.integration.api_server import STRUCTURED, notice, served, until
from tests.integration.sealed_room import EDGE, OTHER_SCHOOL, SCHOOL, SealedRoom
from tests.integration.stream_room import StreamRoom
from tests.signing import new_key

DAY = 24 * 60 * 60
RETENTION = 14 * DAY


@pytest.fixture(scope="module")
def room(
    shared_kafka: str, shared_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SealedRoom]:
    """One worker for all cases: what one case leaves behind must not trouble the next either."""
    with fresh_database(shared_postgres) as database_url:
        room = StreamRoom(
            shared_kafka,
            database_url,
            f"sealed_{uuid4().hex[:12]}.",
            tmp_path_factory.mktemp("sealed"),
            lambda condition, timeout=20, what="": until(condition, timeout),
        )
        with room.worker(require_seal=True) as worker:
            yield SealedRoom(room, worker.worker)


def test_what_the_edge_sealed_is_taken(room: SealedRoom) -> None:
    assert room.taken(room.sealed())


def test_what_lies_there_unsealed_is_not(room: SealedRoom) -> None:
    assert room.refused(room.record()) == ("NOT_SEALED", None)


def test_a_seal_by_a_key_that_nobody_has_is_forged(room: SealedRoom) -> None:
    key, headers, value = room.record()
    record = covered(room.room.topic("dropout-risk"), headers, value)
    for forger in (SealKey(os.urandom(32)), SealKey(bytes(32))):
        forged = seal(forger, record, Stamp(EDGE, int(time.time() * 1000)))
        assert room.refused((key, [*headers, forged], value)) == ("SEAL_BROKEN", None)


@pytest.mark.parametrize("name", ["ce_source", "ce_id", "ce_time", "content-type", "ce_subject"])
def test_a_sealed_record_whose_attribute_was_changed_is_broken(room: SealedRoom, name: str) -> None:
    key, headers, value = room.sealed()
    other = {"ce_source": OTHER_SCHOOL.encode(), "ce_id": str(uuid4()).encode()}
    changed = [(known, other.get(name, text + b" ") if known == name else text) for known, text in headers]
    assert room.refused((key, changed, value)) == ("SEAL_BROKEN", None)


def test_a_sealed_record_with_the_value_of_another_is_broken(room: SealedRoom) -> None:
    key, headers, _ = room.sealed()
    assert room.refused((key, headers, room.record()[2] + b"\0")) == ("SEAL_BROKEN", None)


def test_a_sealed_record_that_was_moved_to_another_flow_is_broken(room: SealedRoom) -> None:
    form = room.sealed(room.record(room.room.forms(1)[0]), "conversation-form")
    assert room.taken(form, "conversation-form")
    assert room.refused(form) == ("SEAL_BROKEN", None)


def test_a_sealed_record_of_a_gateway_beside_this_one_is_broken(room: SealedRoom) -> None:
    """Test and production on one broker, with one key file by mistake: topics differ by their prefix."""
    key, headers, value = room.record()
    record = covered("another.inbound.dropout-risk.v1", headers, value)
    header = seal(room.keys.sealing(), record, Stamp(EDGE, int(time.time() * 1000)))
    assert room.refused((key, [*headers, header], value)) == ("SEAL_BROKEN", None)


def test_a_sealed_record_under_another_key_of_kafka_is_taken(room: SealedRoom) -> None:
    _, headers, value = room.sealed()
    assert room.taken((b"another", headers, value))


def test_a_sealed_record_that_is_copied_is_a_repeat_and_changes_nothing(room: SealedRoom) -> None:
    record = room.sealed()
    assert room.taken(record)
    before = room.room.duplicates(), room.room.rows("SELECT count(*) FROM facts")
    assert room.taken(record)
    assert room.room.duplicates() == before[0] + 1
    assert room.room.rows("SELECT count(*) FROM facts") == [(before[1][0][0] + 2,)]


def test_a_seal_expires_with_the_retention_whatever_date_its_copier_gives(room: SealedRoom) -> None:
    assert room.taken(room.sealed(age_seconds=RETENTION - 60))
    old = room.sealed(age_seconds=RETENTION + 60)
    assert room.refused(old) == ("SEAL_EXPIRED", EDGE)
    then = int((time.time() - RETENTION) * 1000)
    assert room.refused(room.sealed(age_seconds=RETENTION + 60), at_ms=then) == ("SEAL_EXPIRED", EDGE)


def test_what_a_system_with_a_grant_has_signed_is_taken(room: SealedRoom) -> None:
    _, key, _ = room.signer("dropout-risk")
    assert room.taken(room.signed(key))
    assert room.taken(room.signed(key, alg="EdDSA"))


def test_content_that_is_wrong_counts_against_the_system_that_signed_it(room: SealedRoom) -> None:
    system, key, _ = room.signer("dropout-risk")
    assert room.taken(room.signed(key))
    receipts = room.receipts()
    kafka_key, headers, value = room.record()
    assert not room.taken(room.signed(key, (kafka_key, headers, value + b"\0")))
    assert room.room.rows("SELECT error_class, system, source FROM quarantine ORDER BY n DESC LIMIT 1") == [
        ("NOT_DECODABLE", system, SCHOOL)
    ]
    assert room.receipts() == receipts + 1


def test_a_signature_that_was_moved_changed_or_dated_ahead_is_refused(room: SealedRoom) -> None:
    system, key, _ = room.signer("dropout-risk", "enrolment")
    assert room.taken(room.signed(key))
    assert room.refused(room.signed(key, flow="enrolment")) == ("SEAL_BROKEN", None)
    kafka_key, headers, value = room.signed(key)
    assert room.refused((kafka_key, headers, value + b"\0")) == ("SEAL_BROKEN", None)
    for at in (time.time() - RETENTION - 60, time.time() + 2 * DAY):
        assert room.refused(room.signed(key, iat=int(at))) == ("SEAL_EXPIRED", system)


def test_a_key_that_nobody_registered_proves_nothing(room: SealedRoom) -> None:
    assert room.refused(room.signed(new_key())) == ("SIGNER_UNKNOWN", None)


def test_a_revoked_key_and_a_suspended_system_are_barred_within_a_second(room: SealedRoom) -> None:
    system, key, credential = room.signer("dropout-risk")
    assert room.taken(room.signed(key))
    room.changes().suspend(system, "sends what nobody can read")
    assert room.in_force() < 1
    assert room.refused(room.signed(key)) == ("SIGNER_BARRED", system)
    room.changes().resume(system)
    assert room.in_force() < 1
    assert room.taken(room.signed(key))
    room.changes().revoke(credential)
    assert room.in_force() < 1
    assert room.refused(room.signed(key)) == ("SIGNER_BARRED", system)


def test_a_system_signs_only_what_it_was_granted(room: SealedRoom) -> None:
    for grants, party in (((), SCHOOL), (("enrolment",), SCHOOL), (("dropout-risk",), OTHER_SCHOOL)):
        system, key, _ = room.signer(*grants, party=party)
        assert room.refused(room.signed(key)) == ("FORBIDDEN", system)


def test_a_grant_that_ended_still_covers_what_the_broker_had_before(room: SealedRoom) -> None:
    system, key, _ = room.signer("dropout-risk")
    assert room.taken(room.signed(key))
    flow = "dropout-risk"
    room.worker.ledger.stop_flow(flow, "a test")
    room.worker.handover.halt(flow)
    before = room.inputs()
    room.produce(room.signed(key))
    [(n,)] = room.room.rows("SELECT n FROM grants WHERE system = %s", system)
    room.changes().end_grant(n)
    room.worker.ledger.resume_flow(flow)
    until(lambda: sum(room.inputs()) == sum(before) + 1, 20)
    assert room.inputs() == (before[0] + 1, before[1])
    room.in_force()
    assert room.refused(room.signed(key)) == ("FORBIDDEN", system)


def test_nobody_signs_as_the_operator_without_being_it(room: SealedRoom) -> None:
    system, key, _ = room.signer()
    room.changes().grant(system, SCHOOL, Right.SEND)
    room.in_force()
    correction = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/gateway",
        "type": "dk.overgang.correction.v1",
        "time": datetime.now(UTC).isoformat(),
        "data": {"retracts": str(uuid4()), "of": "/institution/280051", "reason": "Falsk (syntetisk)."},
    }
    before = room.inputs()
    room.produce(room.signed(key, room.record(correction), "correction"), flow="correction")
    until(lambda: room.inputs() == (before[0], before[1] + 1), 10)
    assert room.room.rows("SELECT error_class, system FROM quarantine ORDER BY n DESC LIMIT 1") == [
        ("FORBIDDEN", system)
    ]


def test_a_party_that_has_ended_is_signed_for_no_more(room: SealedRoom) -> None:
    system, key, _ = room.signer("dropout-risk")
    assert room.taken(room.signed(key))
    day = datetime.now(UTC).date()
    room.changes().put_party(Party(SCHOOL, "Closed", day - timedelta(9), day - timedelta(2), OTHER_SCHOOL))
    try:
        room.in_force()
        assert room.refused(room.signed(key)) == ("FORBIDDEN", system)
    finally:
        room.changes().put_party(Party(SCHOOL, "Example", day - timedelta(9)))
        room.in_force()


def test_every_refusal_is_counted_by_its_class_and_its_proved_sender(room: SealedRoom) -> None:
    system, key, _ = room.signer("dropout-risk")
    assert room.taken(room.signed(key))
    assert room.refused(room.record()) == ("NOT_SEALED", None)
    assert room.refused(room.signed(key, iat=1)) == ("SEAL_EXPIRED", system)
    numbers = room.worker.metrics.exposition().decode()
    for error_class, of in (("NOT_SEALED", ""), ("SEAL_EXPIRED", system)):
        line = f'overgang_quarantined_total{{error_class="{error_class}",flow="dropout-risk",system="{of}"}}'
        assert line in numbers


def test_a_signing_key_belongs_to_one_system(room: SealedRoom) -> None:
    system, key, _ = room.signer()
    room.changes().put_system(SystemId("another"), "Another")
    value = f"{key.kid} {key.as_dict(private=False)['x']}"
    with pytest.raises(RegistryRefused, match="proves another system already"):
        room.changes().add_credential(SystemId("another"), CredentialKind.SIGNING_KEY, value)
    with pytest.raises(RegistryRefused, match="thumbprint"):
        room.changes().add_credential(system, CredentialKind.SIGNING_KEY, str(new_key().kid))


def test_a_flood_of_forged_records_delays_nobody_and_stops_nothing(room: SealedRoom) -> None:
    _, key, _ = room.signer("dropout-risk")
    assert room.taken(room.signed(key))
    before = room.inputs()
    kafka_key, headers, value = room.signed(key)
    room.produce(*[(kafka_key, headers, value + bytes([n % 256])) for n in range(1_000)], room.sealed())
    until(lambda: room.inputs() == (before[0] + 1, before[1] + 1_000), 20)
    assert room.room.stopped() == {}


def test_what_is_posted_is_sealed_for_its_sender_and_taken(
    kafka: str, database_url: str, topic_prefix: str, room: SealedRoom
) -> None:
    other = StreamRoom(
        kafka, database_url, topic_prefix, room.room.directory, room.room.wait_until, partitions=2
    )
    with (
        served(kafka, database_url, topic_prefix, seal_keys=room.keys) as api,
        other.worker(require_seal=True, inbound_partitions=2),
    ):
        event = notice()
        assert post(api, event).status_code == 202
        other.wait_until(lambda: other.inbox("dropout-risk") == 1)
        assert other.rows("SELECT count(*) FROM quarantine") == [(0,)]
        assert api.get(f"/v1/messages{SCHOOL}/{event['id']}").json()["outcome"] == "ACCEPTED"


def post(api: httpx.Client, event: dict[str, Any]) -> httpx.Response:
    return api.post("/v1/messages", json=event, headers=STRUCTURED)
