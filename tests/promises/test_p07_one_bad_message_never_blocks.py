"""P7: one bad message never blocks, one bad sender never stops a flow.

And our own fault never fills the quarantine.
"""

from collections.abc import Sequence
from datetime import datetime
from threading import Event
from typing import Any

import pytest
from confluent_kafka import Producer

from schemas.cloudevent import to_kafka
from schemas.flows import FLOWS
from schemas.identifiers import Flow
from streams.agents import decoding
from streams.app import Worker
from streams.ledger import deciding
from streams.rules.decide import decide
from streams.rules.facts import Fact
from streams.rules.model import Decision
from tests.integration.ledger_room import checked
from tests.integration.stream_room import StreamRoom, room

__all__ = ["room"]


def test_a_bad_message_at_the_head_of_every_flow_blocks_none(room: StreamRoom) -> None:
    producer = Producer({"bootstrap.servers": room.bootstrap})
    for flow in FLOWS:
        producer.produce(room.topic(flow), value=b"\xff not a message", headers=[("ce_id", b"\xff")])
    assert producer.flush(10) == 0
    with room.worker(batch_size=1):
        room.send(room.admissions(3) + room.forms(3))
        room.wait_until(lambda: room.inbox() == 3 == room.inbox("conversation-form"))
        room.wait_until(lambda: quarantined(room) == len(FLOWS))
        assert room.stopped() == {}


def test_a_sender_of_nothing_but_bad_messages_stops_no_flow(room: StreamRoom) -> None:
    producer = Producer({"bootstrap.servers": room.bootstrap})
    bad, good = room.admissions(400), room.admissions(40)
    for event in bad:
        key, headers, value = to_kafka(checked(event | {"source": "/institution/666666"}))
        producer.produce(room.topic("enrolment"), key=key, headers=headers, value=value[:-9], partition=0)
    assert producer.flush(10) == 0
    with room.worker(batch_size=50):
        room.send(good)
        room.wait_until(lambda: room.inbox() == len(good))
        assert quarantined(room) == len(bad)
        assert room.stopped() == {}
        assert room.rows("SELECT DISTINCT source FROM quarantine") == [("/institution/666666",)]
    assert room.position() == len(bad) + len(good)


def test_our_own_fault_stops_its_flow_and_quarantines_nothing(
    room: StreamRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_kafka = decoding.from_kafka

    def failing(flow: Any, *rest: Any) -> Any:
        if flow == "enrolment":
            raise KeyError("what should not be missing")
        return from_kafka(flow, *rest)

    monkeypatch.setattr(decoding, "from_kafka", failing)
    with room.worker(batch_size=10) as running:
        room.send(room.admissions(50))
        room.wait_until(lambda: "enrolment" in room.stopped())
        room.send(room.forms(20))
        room.wait_until(lambda: room.inbox("conversation-form") == 20)
        assert (quarantined(room), room.inbox(), room.position()) == (0, 0, None)
        assert room.rows("SELECT faults FROM flows WHERE flow = 'enrolment'") == [(1,)]
        monkeypatch.undo()
        running.worker.ledger.resume_flow("enrolment")
        room.wait_until(lambda: room.inbox() == 50)
    assert (quarantined(room), room.position()) == (0, 50)


def test_a_flow_that_is_resumed_the_moment_it_stops_reads_on(
    room: StreamRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_kafka = decoding.from_kafka
    failed = Event()

    def failing_once(*given: Any) -> Any:
        if not failed.is_set():
            failed.set()
            raise KeyError("what should not be missing")
        return from_kafka(*given)

    def resume_at_once(worker: Worker) -> None:
        stop_flow = worker.ledger.stop_flow

        def stopped_and_resumed(flow: Flow, reason: str) -> None:
            stop_flow(flow, reason)
            worker.ledger.resume_flow(flow)

        worker.ledger.stop_flow = stopped_and_resumed  # type: ignore[method-assign]

    monkeypatch.setattr(decoding, "from_kafka", failing_once)
    room.send(room.admissions(5))
    with room.worker(resume_at_once):
        room.wait_until(lambda: room.inbox() == 5)
    assert (room.position(), room.stopped()) == (5, {})


def test_a_citizen_whose_decision_fails_is_stuck_alone_and_no_message_of_his_is_lost(
    room: StreamRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = room.admissions(30)
    unlucky = events[7]["id"]

    def failing(facts: Sequence[Fact], book: Any, lists: Any, as_of: datetime) -> Decision:
        if any(fact.id == unlucky for fact in facts):
            raise ZeroDivisionError("a rule that did not think of this")
        return decide(facts, book, lists, as_of)

    monkeypatch.setattr(deciding, "decide", failing)
    with room.worker() as running:
        room.send(events)
        room.wait_until(lambda: room.inbox() == 30)
        assert room.rows("SELECT count(*) FROM cases WHERE stuck_at IS NOT NULL") == [(1,)]
        assert room.rows("SELECT count(*) FROM facts") == [(30,)]
        assert room.rows("SELECT count(DISTINCT case_key) FROM tasks") == [(29,)]
        assert (quarantined(room), room.stopped()) == (0, {})
        monkeypatch.undo()
        assert running.worker.ledger.retry_stuck() == 1
        room.wait_until(lambda: room.rows("SELECT count(DISTINCT case_key) FROM tasks") == [(30,)])


def quarantined(room: StreamRoom) -> int:
    return int(room.rows("SELECT count(*) FROM quarantine")[0][0])
