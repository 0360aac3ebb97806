"""P2: the stored position is never past an unfinished input."""

import threading
from datetime import datetime
from typing import Any

import psycopg
import pytest

from schemas.message import Message
from schemas.problems import InvalidMessage
from streams.agents import decoding
from streams.agents.decoding import Decoder
from streams.agents.taking import Taking
from streams.app import Worker
from streams.batch import Batch
from streams.failures import StopWorker
from tests.integration.stream_room import StreamRoom, room

__all__ = ["room"]


def test_our_own_fault_stops_its_flow_before_the_input_and_others_go_on(
    room: StreamRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_kafka = decoding.from_kafka
    events = room.admissions(5)
    bad = events[3]["id"].encode()

    def with_a_bug(flow: Any, headers: Any, *rest: Any) -> Message:
        if ("ce_id", bad) in headers:
            raise ZeroDivisionError("a bug of ours; this text may hold what somebody sent")
        return from_kafka(flow, headers, *rest)

    monkeypatch.setattr(decoding, "from_kafka", with_a_bug)
    with room.worker() as running:
        room.send(events[:3])
        room.wait_until(lambda: room.position() == 3)
        room.send(events[3:])
        room.wait_until(lambda: "enrolment" in room.stopped())
        room.send(room.forms(2))
        room.wait_until(lambda: room.inbox("conversation-form") == 2)
        assert (room.position(), room.inbox(), list(room.stopped())) == (3, 3, ["enrolment"])
        assert "ZeroDivisionError" in room.stopped()["enrolment"]
        assert "somebody" not in room.stopped()["enrolment"]
        assert room.rows("SELECT faults FROM flows WHERE flow = 'enrolment'") == [(1,)]
        assert room.rows("SELECT count(*) FROM quarantine") == [(0,)]
        monkeypatch.undo()
        running.worker.ledger.resume_flow("enrolment")
        room.wait_until(lambda: room.inbox() == 5)
    assert (room.position(), room.duplicates()) == (5, 0)


def test_a_stopped_flow_stays_stopped_after_a_restart(
    room: StreamRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always(*_: object) -> Message:
        raise ZeroDivisionError

    monkeypatch.setattr(decoding, "from_kafka", always)
    room.send(room.admissions(2))
    with room.worker():
        room.wait_until(lambda: "enrolment" in room.stopped())
    monkeypatch.undo()
    with room.worker():
        room.send(room.forms(1))
        room.wait_until(lambda: room.inbox("conversation-form") == 1)
        assert (room.inbox(), room.position()) == (0, None)


def test_an_agent_that_raises_stops_the_worker_with_its_batch_unconsumed(
    room: StreamRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_self: Taking, _batch: Batch) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(Taking, "_taken", broken)
    with room.worker() as running:
        room.send(room.admissions(4))
        assert running.ended.wait(20), "an agent that raised did not stop the worker"
        assert isinstance(running.failure, ZeroDivisionError)
    assert (room.inbox(), room.position()) == (0, None)
    monkeypatch.undo()
    with room.worker():
        room.wait_until(lambda: room.inbox() == 4)
    assert (room.position(), room.duplicates()) == (4, 0)


def test_what_must_stop_the_worker_does(room: StreamRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    def impossible(*_: object) -> list[Message | InvalidMessage]:
        raise StopWorker("going on would lose an input")

    monkeypatch.setattr(Decoder, "decode", impossible)
    with room.worker() as running:
        room.send(room.admissions(1))
        assert running.ended.wait(20)
        assert isinstance(running.failure, StopWorker)
    assert room.position() is None


def test_a_commit_in_doubt_is_neither_lost_nor_repeated(room: StreamRoom) -> None:
    cut = threading.Event()

    def lose_the_answer_once(worker: Worker) -> None:
        apply = worker.ledger.apply

        def committed_but_unheard(batch: Batch, decoded: Any, now: datetime) -> Any:
            applied = apply(batch, decoded, now)
            if batch.flow == "enrolment" and not cut.is_set():
                cut.set()
                raise psycopg.OperationalError("the connection broke after the commit")
            return applied

        worker.ledger.apply = committed_but_unheard  # type: ignore[method-assign]

    with room.worker(lose_the_answer_once):
        room.send(room.admissions(3))
        assert cut.wait(20)
        room.send(room.admissions(2))
        room.wait_until(lambda: room.inbox() == 5)
    assert (room.position(), room.duplicates(), room.stopped()) == (5, 0, {})
