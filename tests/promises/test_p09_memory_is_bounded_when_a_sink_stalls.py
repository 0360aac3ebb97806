"""P9: memory is bounded when a sink stalls, and the stalled worker keeps its partitions."""

import threading
import time
from datetime import datetime
from typing import Any

import pytest

from streams import handover
from streams.app import Worker
from streams.batch import Batch
from tests.integration.stream_room import StreamRoom, room

__all__ = ["room"]

POLL_INTERVAL_MS = 6_000
"""The shortest that the broker's session timeout allows."""


class Stall:
    """Holds every `apply` of admissions until it is let go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go = threading.Event()

    def __call__(self, worker: Worker) -> None:
        apply = worker.ledger.apply

        def stalled(batch: Batch, decoded: Any, now: datetime) -> Any:
            if batch.flow == "enrolment":
                self.reached.set()
                assert self.go.wait(60)
            return apply(batch, decoded, now)

        worker.ledger.apply = stalled  # type: ignore[method-assign]


def test_a_stalled_flow_holds_few_batches_keeps_its_partitions_and_leaves_others_alone(
    room: StreamRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "CROWDED_BYTES", 40_000)
    monkeypatch.setattr(handover, "ROOMY_BYTES", 10_000)
    stall = Stall()
    room.send(room.admissions(2_000))
    with room.worker(stall, batch_size=50, max_poll_interval_ms=POLL_INTERVAL_MS) as running:
        assert stall.reached.wait(20)
        worker = running.worker
        assignment = worker.intake._assignment
        room.wait_until(lambda: "enrolment" in assignment.paused)
        epoch, delivered = assignment.epoch, feed_of(running, room).delivered
        longer_than_the_interval = time.monotonic() + 1.5 * POLL_INTERVAL_MS / 1000
        room.wait_until(lambda: time.monotonic() > longer_than_the_interval)
        # Each input counts at least 256 bytes: so many fill the room, besides two batches in the channel and
        # the agent's hand and the read that made it too much.
        assert delivered <= 40_000 / 256 + 2 * 50 + 50
        assert feed_of(running, room).delivered == delivered
        assert assignment.epoch == epoch, "the partitions were lost"
        assert worker.reasons() == []
        room.send(room.forms(3))
        room.wait_until(lambda: room.inbox("conversation-form") == 3)
        stall.go.set()
        room.wait_until(lambda: room.inbox() == 2_000, 60)
        assert assignment.epoch == epoch
    assert (room.position(), room.duplicates()) == (2_000, 0)


def feed_of(running: Any, room: StreamRoom) -> Any:
    return running.worker.intake._assignment.feeds[room.topic("enrolment"), 0]
