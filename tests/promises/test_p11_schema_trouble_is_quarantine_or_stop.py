"""P11: schema trouble is quarantine or stop, never a guess."""

import struct
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from schemas import wire
from schemas.cloudevent import to_kafka
from schemas.flows import FLOWS
from streams.ledger.deciding import Rulebook
from streams.ledger.ledger import Ledger
from streams.ledger.sealing import load_or_make_wrapping_key
from streams.rules import rule_files
from tests.integration.ledger_room import LISTS, checked
from tests.integration.stream_room import StreamRoom, room

__all__ = ["room"]
ENROLMENT = "dk.overgang.v1.Enrolment"
UNKNOWN = 900_000


def produce(room: StreamRoom, values: list[tuple[dict[str, Any], bytes]]) -> None:
    producer = Producer({"bootstrap.servers": room.bootstrap})
    for event, value in values:
        key, headers, _ = to_kafka(checked(event))
        producer.produce(room.topic("enrolment"), key=key, headers=headers, value=value)
    assert producer.flush(10) == 0


def value_of(event: dict[str, Any]) -> bytes:
    return to_kafka(checked(event))[2]


def test_an_unknown_schema_id_is_quarantined_whatever_follows_it(room: StreamRoom) -> None:
    events = room.admissions(2)
    unknown = b"\0" + struct.pack(">I", UNKNOWN) + value_of(events[0])[5:]
    with room.worker():
        produce(room, [(events[0], unknown), (events[1], value_of(events[1]))])
        room.wait_until(lambda: room.inbox() == 1)
        [(error_class, reasons)] = room.rows("SELECT error_class, reasons FROM quarantine")
    assert error_class == "UNKNOWN_SCHEMA"
    assert str(UNKNOWN) in reasons[0]["problem"]
    assert (room.position(), room.stopped()) == (2, {})


def test_a_value_under_another_flows_schema_id_is_never_read_as_ours(room: StreamRoom) -> None:
    """Also where its bytes happen to be a value of that schema: the topic says which one it must be."""
    others = sorted({contract.schema_name for contract in FLOWS.values()} - {ENROLMENT})
    events = room.admissions(len(others) + 1)
    values = [b"\0" + struct.pack(">I", wire.schema_id(name)) for name in others]
    mislabelled = [start + value_of(event)[5:] for start, event in zip(values, events, strict=False)]
    with room.worker():
        produce(room, list(zip(events, [*mislabelled, value_of(events[-1])], strict=True)))
        room.wait_until(lambda: room.position() == len(events))
        assert room.rows("SELECT id FROM inbox") == [(events[-1]["id"],)]
        classes = {error_class for (error_class,) in room.rows("SELECT error_class FROM quarantine")}
    assert classes <= {"NOT_DECODABLE", "INVALID"}
    assert room.rows("SELECT count(*) FROM quarantine") == [(len(others),)]


def test_without_our_own_schema_the_flow_stops_and_loses_nothing(
    room: StreamRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.send(room.admissions(5))
    monkeypatch.delitem(wire._CURRENT, ENROLMENT)
    with room.worker() as running:
        room.wait_until(lambda: "enrolment" in room.stopped())
        assert "KeyError" in room.stopped()["enrolment"]
        untouched(room)
        monkeypatch.undo()
        running.worker.ledger.resume_flow("enrolment")
        room.wait_until(lambda: room.inbox() == 5)
    assert (room.position(), room.rows("SELECT count(*) FROM quarantine")) == (5, [(0,)])


def test_a_stored_message_of_a_newer_release_stops_the_flow_that_needs_it(room: StreamRoom) -> None:
    """As after going back to an older release: what the ledger holds cannot be read, and is not guessed."""
    [first, other] = room.admissions(2)
    with room.worker():
        room.send([first])
        room.wait_until(lambda: room.inbox() == 1)
    with ledger_of(room) as ledger:
        [(case, stored)] = room.rows("SELECT case_key, payload FROM facts")
        value = ledger.vault.open(case, stored)
        newer = b"\0" + struct.pack(">I", UNKNOWN) + value[5:]
        with ledger.pool.connection() as connection, connection.cursor(binary=True) as cursor:
            sealed = ledger.vault.seals(cursor, [case])[case].seal(newer, case.encode())
            cursor.execute("UPDATE facts SET payload = %b", (sealed,))
    later = {**first["data"], "event": "CHANGED"}
    with room.worker() as running:
        room.send([first | {"id": str(uuid4()), "data": later}, other])
        room.wait_until(lambda: "enrolment" in room.stopped())
        assert (room.inbox(), room.position()) == (1, 1)
        assert room.rows("SELECT count(*) FROM quarantine") == [(0,)]
        room.rows("UPDATE facts SET payload = %s RETURNING 1", stored)
        running.worker.ledger.resume_flow("enrolment")
        room.wait_until(lambda: room.inbox() == 3)
    assert (room.position(), room.stopped()) == (3, {})


def untouched(room: StreamRoom) -> None:
    assert (room.inbox(), room.position()) == (0, None)
    assert room.rows("SELECT count(*) FROM quarantine") == [(0,)]


def ledger_of(room: StreamRoom) -> Ledger:
    seal = load_or_make_wrapping_key(room.directory / "wrapping.key")
    return Ledger(room.database_url, seal, Rulebook(rule_files.shipped(), LISTS))
