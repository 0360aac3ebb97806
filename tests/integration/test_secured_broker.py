"""Topics, access and our Kafka clients on a real broker with TLS, SCRAM-SHA-512 and an authorizer."""

import asyncio
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from connectors.access.signing_keys import signing_key
from connectors.administration.quotas import QuotaClient, QuotasRefused
from connectors.cli.main import run
from connectors.http.inbound import InboundProducer, Record
from schemas.identifiers import PartyAddress, SystemId
from streams.broker_access import client_settings
from streams.ledger.engine import engine_for
from streams.ledger.migrate import migrate
from streams.ledger.registry_changes import RegistryChanges
from streams.registry import CredentialKind, Party, Right
from tests.conftest import fresh_database
from tests.integration.api_server import until
from tests.integration.ledger_room import admission
from tests.integration.secured_kafka import SecuredKafka
from tests.integration.stream_room import StreamRoom, replacement_cpr
from tests.signing import new_key

SCHOOL, MUNICIPALITY = PartyAddress("/institution/280051"), PartyAddress("/municipality/751")
VENDOR, READER = SystemId("school-admin"), SystemId("case-system")
OURS = ("overgang-worker", "overgang-api", "overgang-operator")
RISK, STATUS = "inbound.dropout-risk.v1", "inbound.citizen-status.v1"
OUTBOUND = {party: f"outbound.{party.strip('/').replace('/', '.')}.v1" for party in (SCHOOL, MUNICIPALITY)}
Lines = list[dict[str, str]]


@dataclass
class Secured:
    """The broker, a ledger whose registry has two parties and two systems, and the commands on both."""

    kafka: SecuredKafka
    database_url: str
    directory: Path

    def overgang(self, *arguments: str, user: str = "admin", **more: str) -> tuple[int, str, str]:
        """Status and output of a command that logs in as the user."""
        settings = {
            **self.kafka.settings(user),
            "OVERGANG_DATABASE_URL": self.database_url,
            "OVERGANG_DATA_DIRECTORY": str(self.directory / "data"),
            **more,
        }
        output, errors = io.TextIOWrapper(io.BytesIO()), io.StringIO()
        with patch.dict(os.environ, settings), redirect_stdout(output), redirect_stderr(errors):
            status = run(list(arguments))
            output.flush()
        return status, output.buffer.getvalue().decode(), errors.getvalue()  # type: ignore[attr-defined]

    def topics(self, *arguments: str, user: str = "admin", status: int = 0) -> Lines:
        ended, output, errors = self.overgang("topics", *arguments, "--json", user=user)
        assert ended == status, output + errors
        return list(json.loads(output))

    def write(self, user: str, topic: str) -> str:
        """What the broker says to a record of that user: `stored`, or the name of its refusal."""
        said: list[str] = []
        limits = {"message.timeout.ms": 15_000, "log_level": 0}
        producer = Producer({**client_settings(self.kafka.bootstrap, self.kafka.login(user)), **limits})
        producer.produce(
            topic, b"x", on_delivery=lambda error, _: said.append(error.name() if error else "stored")
        )
        assert producer.flush(20) == 0
        return said[0]

    def read(self, user: str, topic: str, group: str) -> str:
        """`read`, or the name of the broker's refusal, for that user in that group."""
        consumer = Consumer(
            {
                **client_settings(self.kafka.bootstrap, self.kafka.login(user)),
                "group.id": group,
                "auto.offset.reset": "earliest",
                "log_level": 0,
            }
        )
        try:
            consumer.subscribe([topic])
            message = consumer.poll(30)
            assert message is not None, "no answer"
            error = message.error()
            return "read" if error is None else str(error.name())
        finally:
            consumer.close()


@pytest.fixture(scope="module")
def secured(shared_postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    directory = tmp_path_factory.mktemp("secured")
    with fresh_database(shared_postgres) as url, SecuredKafka(directory / "kafka") as kafka:
        register(url)
        kafka.add_users(*OURS, VENDOR, READER)
        yield Secured(kafka, url, directory)


def register(database_url: str) -> None:
    """A school whose system signs what it writes to Kafka, a municipality whose system only reads there."""
    migrate(database_url)
    engine = engine_for(database_url)
    changes = RegistryChanges(engine, "tester", datetime.now(UTC))
    for address in (SCHOOL, MUNICIPALITY):
        changes.put_party(Party(address, "Example", datetime(2026, 1, 1, tzinfo=UTC).date()))
    for system in (VENDOR, READER):
        changes.put_system(system, "A vendor's")
    key = signing_key(json.dumps(new_key().as_dict(private=False)))
    changes.add_credential(VENDOR, CredentialKind.SIGNING_KEY, key)
    changes.grant(VENDOR, SCHOOL, Right.SEND, "dropout-risk")
    changes.grant(READER, MUNICIPALITY, Right.SEND)
    changes.grant(READER, MUNICIPALITY, Right.READ)
    engine.dispose()


@pytest.fixture(scope="module")
def applied(secured: Secured) -> Secured:
    """As `overgang topics apply` leaves it."""
    assert secured.write(VENDOR, RISK) != "stored"
    secured.topics("apply")
    return secured


def of(lines: Lines, what: str) -> Lines:
    return [line for line in lines if line["what"].startswith(what)]


def test_the_first_difference_is_everything_and_changes_nothing(secured: Secured) -> None:
    before = secured.topics("diff", status=1)
    assert len(of(before, "topic ")) == 11 + 2
    assert {line["action"] for line in before} == {"make", "set"}
    assert [line["what"] for line in before if line["action"] == "set"] == [
        f"quota of {user}" for user in (READER, READER, VENDOR, VENDOR)
    ]
    assert {
        "action": "make",
        "what": f"access of {VENDOR}",
        "detail": f"ALLOW WRITE on topics named {RISK}",
    } in (before)
    assert secured.topics("diff", status=1) == before


def test_apply_makes_all_of_it_and_a_second_time_nothing(applied: Secured) -> None:
    assert applied.topics("diff") == []
    assert applied.topics("apply") == []
    topics = applied.kafka.admin().list_topics(timeout=20).topics
    assert len(topics[RISK].partitions) == 6
    assert len(topics[OUTBOUND[MUNICIPALITY]].partitions) == 1


def test_a_system_with_a_signing_key_writes_its_flows_and_nothing_else(applied: Secured) -> None:
    until(lambda: applied.write(VENDOR, RISK) == "stored", 20)
    assert applied.write(VENDOR, STATUS) == "TOPIC_AUTHORIZATION_FAILED"
    assert applied.write(VENDOR, OUTBOUND[SCHOOL]) == "TOPIC_AUTHORIZATION_FAILED"


def test_a_system_without_a_signing_key_writes_nothing_whatever_it_was_granted(applied: Secured) -> None:
    assert applied.write(READER, STATUS) == "TOPIC_AUTHORIZATION_FAILED"


def test_a_system_reads_its_partys_topic_in_groups_of_its_own_and_nothing_else(applied: Secured) -> None:
    until(lambda: applied.write("overgang-worker", OUTBOUND[MUNICIPALITY]) == "stored", 20)
    assert applied.read(READER, OUTBOUND[MUNICIPALITY], f"{READER}.nightly") == "read"
    assert applied.read(READER, OUTBOUND[MUNICIPALITY], "overgang") == "GROUP_AUTHORIZATION_FAILED"
    assert applied.read(READER, OUTBOUND[SCHOOL], f"{READER}.nightly") == "TOPIC_AUTHORIZATION_FAILED"
    assert applied.read(READER, RISK, f"{READER}.nightly") == "TOPIC_AUTHORIZATION_FAILED"


def test_the_api_writes_inbound_topics_only(applied: Secured) -> None:
    api = applied.kafka.login("overgang-api")

    async def send() -> None:
        producer = InboundProducer(client_settings(applied.kafka.bootstrap, api), 15, 10)
        try:
            assert await producer.send([Record(RISK, b"key", [], b"value")]) == [None]
        finally:
            await producer.close()

    asyncio.run(send())
    assert applied.write("overgang-api", OUTBOUND[SCHOOL]) == "TOPIC_AUTHORIZATION_FAILED"
    assert applied.read("overgang-api", RISK, "overgang") != "read"


def test_a_worker_with_a_workers_rights_takes_messages_and_makes_a_recipients_topic(
    applied: Secured, database_url: str, tmp_path: Path
) -> None:
    def wait(condition: Any, timeout: float = 30, what: str = "") -> None:
        until(condition, timeout)

    made_by_relay = "w.outbound.municipality.751.v1"
    ended, output, errors = applied.overgang(
        "topics", "apply", OVERGANG_TOPIC_PREFIX="w.", OVERGANG_INBOUND_PARTITIONS="1"
    )
    assert ended == 0, output + errors
    admin = applied.kafka.admin()
    admin.delete_topics([made_by_relay])[made_by_relay].result(20)
    until(lambda: made_by_relay not in admin.list_topics(timeout=20).topics, 20)
    room = StreamRoom(
        applied.kafka.bootstrap,
        database_url,
        "w.",
        tmp_path,
        wait,
        login=applied.kafka.login("overgang-worker"),
    )
    room.make_topics()
    with room.worker():
        room.send(
            [admission(citizen={"cpr": replacement_cpr(1), "residence_municipality": "751"})],
            Producer(client_settings(applied.kafka.bootstrap, applied.kafka.login("overgang-api"))),
        )
        wait(lambda: room.inbox() == 1)
        wait(
            lambda: (
                room.rows("SELECT count(*) > 0, count(*) = count(published_at) FROM outbound")
                == [(True, True)]
            )
        )
    config = ConfigResource(ConfigResource.Type.TOPIC, made_by_relay)
    settings = admin.describe_configs([config])[config].result(20)
    assert settings["retention.ms"].value == str(30 * 24 * 60 * 60 * 1000)
    assert settings["unclean.leader.election.enable"].value == "false"


def test_what_was_changed_by_hand_is_set_back(applied: Secured) -> None:
    topic = OUTBOUND[SCHOOL]
    entry = ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = applied.kafka.admin()
    admin.incremental_alter_configs([resource])[resource].result(20)
    until(lambda: len(applied.topics("diff", status=1)) == 1, 20)
    [line] = applied.topics("apply")
    assert line == {"action": "set", "what": f"topic {topic}", "detail": "retention.ms: 1000 -> 2592000000"}
    until(lambda: applied.overgang("topics", "diff")[0] == 0, 20)


def test_nothing_is_deleted_unless_that_is_allowed_and_never_what_is_not_ours(applied: Secured) -> None:
    admin = applied.kafka.admin()
    stranger = AclBinding(
        ResourceType.TOPIC,
        RISK,
        ResourcePatternType.LITERAL,
        "User:stranger",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    others = AclBinding(
        ResourceType.TOPIC,
        "payroll",
        ResourcePatternType.LITERAL,
        "User:stranger",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    for answer in admin.create_acls([stranger, others]).values():
        answer.result(20)
    for answer in admin.create_topics(
        [NewTopic("inbound.typo.v1", 1, 1), NewTopic("payroll", 1, 1)]
    ).values():
        answer.result(20)
    expected = [
        {"action": "delete", "what": "access of stranger", "detail": f"ALLOW READ on topics named {RISK}"},
        {"action": "delete", "what": "topic inbound.typo.v1", "detail": "with every message on it"},
    ]
    assert applied.topics("apply") == expected
    assert applied.topics("diff", status=1) == expected
    assert applied.topics("apply", "--allow-delete") == expected
    until(lambda: applied.overgang("topics", "diff")[0] == 0, 20)
    assert "payroll" in admin.list_topics(timeout=20).topics
    assert others in admin.describe_acls(_any_of("User:stranger")).result(20)


def test_a_number_of_partitions_is_never_changed(applied: Secured) -> None:
    ended, output, _ = applied.overgang("topics", "apply", "--json", OVERGANG_INBOUND_PARTITIONS="12")
    lines = json.loads(output)
    assert ended == 0
    assert len(lines) == 11
    assert {line["action"] for line in lines} == {"by hand"}
    assert len(applied.kafka.admin().list_topics(timeout=20).topics[RISK].partitions) == 6


def test_the_operator_needs_no_superuser_to_look_and_to_change(applied: Secured) -> None:
    assert applied.topics("diff", user="overgang-operator") == []
    ended, _, errors = applied.overgang("topics", "diff", user="overgang-api")
    assert ended == 1
    assert "OVERGANG_KAFKA_USER" in errors


def test_each_system_with_access_has_its_quota_and_one_that_was_changed_is_set_again(
    applied: Secured,
) -> None:
    quotas = QuotaClient(applied.kafka.bootstrap, applied.kafka.login("overgang-operator"))
    shipped = {"producer_byte_rate": 1_048_576.0, "consumer_byte_rate": 4_194_304.0}
    until(lambda: quotas.read() == {READER: shipped, VENDOR: shipped}, 20)
    quotas.set(
        {
            VENDOR: {"producer_byte_rate": 5.0, "request_percentage": 20.0},
            "somebody": {"request_percentage": 9.0},
        }
    )
    until(lambda: quotas.read()[VENDOR]["producer_byte_rate"] == 5.0, 20)
    changed = {"action": "set", "what": f"quota of {VENDOR}", "detail": "producer_byte_rate: 5 -> 1048576"}
    assert applied.topics("diff", status=1) == [changed]
    assert applied.topics("apply", user="overgang-operator") == [changed]
    # What the file does not name is somebody else's.
    others = {VENDOR: shipped | {"request_percentage": 20.0}, "somebody": {"request_percentage": 9.0}}
    until(lambda: quotas.read() == {READER: shipped} | others, 20)


def test_a_system_that_sends_more_than_its_quota_is_slowed_down_by_the_broker(applied: Secured) -> None:
    throttled: list[float] = []
    producer = Producer(
        {
            **client_settings(applied.kafka.bootstrap, applied.kafka.login(VENDOR)),
            "throttle_cb": lambda told: throttled.append(told.throttle_time),
            "compression.type": "none",
        }
    )
    for _ in range(80):
        producer.produce(RISK, bytes(200_000))
    until(lambda: producer.poll(0.1) >= 0 and bool(throttled), 60)
    producer.purge()
    producer.flush(20)
    assert max(throttled) > 0


def test_who_may_not_see_quotas_is_told_so(applied: Secured) -> None:
    stranger = QuotaClient(applied.kafka.bootstrap, applied.kafka.login(VENDOR))
    with pytest.raises(QuotasRefused, match="ClusterAuthorizationFailed"):
        stranger.read()
    with pytest.raises(QuotasRefused, match="ClusterAuthorizationFailed"):
        stranger.set({VENDOR: {"producer_byte_rate": 1e9}})


def test_doctor_compares_access_with_the_registry_of_parties(applied: Secured) -> None:
    def access(user: str = "overgang-operator") -> Mapping[str, Any]:
        ended, output, _ = applied.overgang("doctor", "--json", user=user)
        assert ended == 1, "its keys are missing"
        return next(finding for finding in json.loads(output) if finding["part"] == "access")

    assert access()["well"], access()
    admin = applied.kafka.admin()
    [lost] = [
        acl
        for acl in admin.describe_acls(_any_of(f"User:{VENDOR}")).result(20)
        if (acl.name, acl.operation) == (RISK, AclOperation.WRITE)
    ]
    exactly = AclBindingFilter(
        lost.restype,
        lost.name,
        lost.resource_pattern_type,
        lost.principal,
        lost.host,
        lost.operation,
        lost.permission_type,
    )
    for answer in admin.delete_acls([exactly]).values():
        answer.result(20)
    until(lambda: not access()["well"], 20)
    told = access()
    assert told["found"].startswith(
        f"1 missing, 0 that should not be, such as access of {VENDOR}: ALLOW WRITE"
    )
    assert told["mend"].endswith("`overgang topics apply`")
    applied.topics("apply")
    until(lambda: bool(access()["well"]), 20)
    assert access("overgang-api") == {
        "part": "access",
        "well": True,
        "found": "not looked at: the user overgang-api may not see it, the operator's may",
        "mend": None,
    }


def test_doctor_tells_a_wrong_password_from_a_wrong_authority(applied: Secured, tmp_path: Path) -> None:
    def broker(**settings: str) -> Mapping[str, Any]:
        _, output, _ = applied.overgang("doctor", "--json", user="overgang-operator", **settings)
        found = json.loads(output)
        return next(finding for finding in found if finding["part"] == "broker")

    assert broker()["well"]
    wrong = tmp_path / "wrong.password"
    wrong.touch(mode=0o600)
    wrong.write_text("guessed\n")
    refused = broker(OVERGANG_KAFKA_PASSWORD_FILE=str(wrong))
    assert not refused["well"]
    assert "OVERGANG_KAFKA_PASSWORD_FILE" in refused["mend"]
    unknown = broker(OVERGANG_KAFKA_CA_FILE="")
    assert not unknown["well"]
    assert "OVERGANG_KAFKA_CA_FILE" in unknown["mend"]


def test_no_password_is_in_any_output(applied: Secured) -> None:
    password = applied.kafka.password("overgang-operator")
    said = [
        applied.overgang(*command, user="overgang-operator") for command in (("doctor",), ("topics", "diff"))
    ]
    assert all(password not in output + errors for _, output, errors in said)


def _any_of(principal: str) -> AclBindingFilter:
    return AclBindingFilter(
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        principal,
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
