"""Commands by which the operator finds what wants a person, and mends it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer, TopicPartition

from streams.ledger import deciding, outbound
from streams.ledger.migrate import newest_revision
from streams.ledger.sealing import load_or_make_wrapping_key
from tests.integration.ledger_room import NOW, Partition, ledger_on, notice, status, take
from tests.integration.stream_room import StreamRoom, read_topic, room
from tests.integration.test_intake import recreate

__all__ = ["room"]
CPR = "7405034123"


def environment_of(room: StreamRoom) -> dict[str, str]:
    return {
        "OVERGANG_KAFKA_BOOTSTRAP": room.bootstrap,
        "OVERGANG_DATABASE_URL": room.database_url,
        "OVERGANG_TOPIC_PREFIX": room.prefix,
        "OVERGANG_WRAPPING_KEY_FILE": str(room.directory / "wrapping.key"),
    }


class Operator:
    """Types commands and reads what they print."""

    def __init__(self, processes: Any, environment: dict[str, str]) -> None:
        self._processes = processes
        self._environment = environment

    def types(self, *command: str, exit_status: int = 0) -> str:
        ended = self._processes.start("overgang", *command, environment=self._environment)
        assert ended.wait() == exit_status, ended.output
        return str(ended.output)

    def reads(self, *command: str) -> Any:
        return json.loads(self.types(*command, "--json"))

    def stopped(self) -> dict[str, str]:
        return {f["flow"]: f["stopped_because"] for f in self.reads("flows") if f["stopped_at"]}


@pytest.fixture
def operator(room: StreamRoom, processes: Any) -> Operator:
    return Operator(processes, environment_of(room))


def test_a_flow_of_a_recreated_topic_goes_on_from_the_earliest_message_when_the_operator_says_so(
    room: StreamRoom, operator: Operator
) -> None:
    with room.worker():
        room.send(room.admissions(3))
        room.wait_until(lambda: room.position() == 3)
        recreate(room, "enrolment")
        room.send(room.admissions(2))
        room.wait_until(lambda: "enrolment" in room.stopped(), 30)
        assert "re-created" in operator.stopped()["enrolment"]
        refused = operator.types("flows", "resume", "enrolment", exit_status=1)
        assert "it would stop again at once" in refused
        assert "--from-earliest" in refused
        assert "reads from offset 0" in operator.types("flows", "resume", "enrolment", "--from-earliest")
        room.wait_until(lambda: room.inbox() == 5)
    assert operator.stopped() == {}


def test_what_retention_deleted_is_named_before_it_is_passed_over(
    room: StreamRoom, operator: Operator
) -> None:
    room.send(room.admissions(10))
    for deleted in room.admin.delete_records([TopicPartition(room.topic("enrolment"), 0, 6)]).values():
        deleted.result(20)
    with room.worker():
        room.wait_until(lambda: "enrolment" in room.stopped())
    told = operator.types("flows", "resume", "enrolment", "--from-earliest")
    assert "partition 0: " in told
    assert "offsets 0 to 5 were deleted before they were read; reads from offset 6" in told
    with room.worker():
        room.wait_until(lambda: room.inbox() == 4)


def test_a_flow_that_our_own_fault_stopped_reads_on_where_it_was(
    room: StreamRoom, operator: Operator
) -> None:
    room.send(room.admissions(2))
    with room.worker() as running:
        room.wait_until(lambda: room.position() == 2)
        running.worker.ledger.count_fault("enrolment", "KeyError at streams.somewhere:7")
        running.worker.ledger.stop_flow("enrolment", "our own fault number 1: KeyError")
    assert operator.stopped() == {"enrolment": "our own fault number 1: KeyError"}
    assert "1 of 11 flows stopped" in operator.types("flows")
    assert operator.types("flows", "resume", "enrolment") == "enrolment reads on\n"
    assert room.position() == 2
    again = operator.types("flows", "resume", "enrolment", exit_status=1)
    assert "is not stopped" in again


def test_the_quarantine_tells_why_and_shows_content_only_when_asked(
    room: StreamRoom, operator: Operator
) -> None:
    producer = Producer({"bootstrap.servers": room.bootstrap})
    headers = [("ce_id", b"0a1de2c0-52a1-4a3a-8f0e-6e1e0f6b7a01"), ("ce_source", b"/institution/280051")]
    producer.produce(room.topic("enrolment"), value=f"not Avro, {CPR}".encode(), headers=headers, partition=0)
    assert producer.flush(20) == 0
    with room.worker():
        room.wait_until(lambda: room.position() == 1)
    [found] = operator.reads("quarantine")
    assert (found["flow"], found["source"]) == ("enrolment", "/institution/280051")
    assert found["error_class"] == "NOT_DECODABLE"
    assert found["reasons"]
    number = str(found["n"])
    for without in (operator.types("quarantine"), operator.types("quarantine", "show", number)):
        assert CPR not in without
        assert "0a1de2c0-52a1-4a3a-8f0e-6e1e0f6b7a01" in without
    shown = operator.types("quarantine", "show", number, "--content")
    original = json.loads(shown[shown.index("\n{") :])
    assert original["headers"]["ce_source"] == "/institution/280051"
    assert "value_base64" in original
    assert "has the number 999" in operator.types("quarantine", "show", "999", exit_status=1)


def test_quarantined_data_that_can_be_decoded_is_shown_field_by_field(
    room: StreamRoom, operator: Operator
) -> None:
    [admission] = room.admissions(1)
    room.send([admission])
    with room.worker():
        room.wait_until(lambda: room.position() == 1)
    # The same record on another flow's topic is refused there: its schema is that of enrolments.
    [record] = read_topic(room.bootstrap, room.topic("enrolment"), 1)
    producer = Producer({"bootstrap.servers": room.bootstrap})
    producer.produce(room.topic("mentor"), value=record.value(), headers=record.headers(), partition=0)
    assert producer.flush(20) == 0
    with room.worker():
        room.wait_until(lambda: room.position("mentor") == 1)
    [found] = operator.reads("quarantine")
    shown = operator.reads("quarantine", "show", str(found["n"]), "--content")
    assert shown["quarantined"]["flow"] == "mentor"
    assert shown["original"]["schema"] == "dk.overgang.v1.Enrolment"
    assert shown["original"]["value"]["citizen"]["cpr"] == admission["data"]["citizen"]["cpr"]


def test_a_stuck_case_is_listed_and_decided_again_once_the_fault_is_mended(
    database_url: str, processes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_or_make_wrapping_key(tmp_path / "wrapping.key")
    operator = Operator(
        processes,
        {
            "OVERGANG_DATABASE_URL": database_url,
            "OVERGANG_WRAPPING_KEY_FILE": str(tmp_path / "wrapping.key"),
        },
    )

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with ledger_on(database_url) as ledger:
        with monkeypatch.context() as patched:
            patched.setattr(deciding, "decide", broken)
            take(ledger, Partition("dropout-risk"), [notice()])
        [stuck] = operator.reads("stuck")
        assert stuck["stuck_because"].startswith("ZeroDivisionError")
        assert operator.reads("tasks") == []
        assert ledger.decide_due(datetime.now(UTC) + timedelta(minutes=1), 10) == 0
        assert operator.types("stuck", "retry").startswith("1 cases")
        assert ledger.decide_due(datetime.now(UTC) + timedelta(minutes=1), 10) == 1
    assert operator.reads("stuck") == []
    assert [task["kind"] for task in operator.reads("tasks")] == ["CONTACT_YOUNG_PERSON"]


def test_an_undeliverable_message_is_listed_with_its_recipient_and_reason(
    database_url: str, processes: Any
) -> None:
    raised = notice()
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        take(ledger, Partition("dropout-risk"), [raised], NOW)
    with psycopg.connect(database_url) as connection:
        outbound.number(connection, 100)
        rows = {row.message_id: row for row in outbound.window(connection, 100, ())}
        outbound.mark_undeliverable(connection, {rows[raised["id"]].n: "too large for its topic"})
    operator = Operator(processes, {"OVERGANG_DATABASE_URL": database_url})
    [found] = operator.reads("undeliverable")
    assert (found["recipient"], found["message_id"]) == ("/municipality/751", raised["id"])
    assert (found["sequence"], found["reason"]) == (1, "too large for its topic")
    assert "too large for its topic" in operator.types("undeliverable")


def test_migrate_makes_the_ledger_and_is_harmless_a_second_time(database_url: str, processes: Any) -> None:
    operator = Operator(processes, {"OVERGANG_DATABASE_URL": database_url})
    assert operator.types("migrate") == operator.types("migrate") == f"at {newest_revision()}\n"
    assert operator.reads("tasks") == []
    away = Operator(processes, {"OVERGANG_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"})
    assert "run `overgang doctor`" in away.types("migrate", exit_status=1)
