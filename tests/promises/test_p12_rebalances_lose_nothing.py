"""P12: rebalances lose nothing and store nothing twice, whoever has a batch in hand."""

import threading
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from streams.app import Worker
from streams.batch import Batch
from tests.integration.stream_room import StreamRoom, room

__all__ = ["room"]


class Held:
    """Holds the first `apply` of admissions until it is let go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go = threading.Event()

    def __call__(self, worker: Worker) -> None:
        apply = worker.ledger.apply

        def held(batch: Batch, decoded: Any, now: datetime) -> Any:
            if batch.flow == "enrolment" and not self.reached.is_set():
                self.reached.set()
                assert self.go.wait(60)
            return apply(batch, decoded, now)

        worker.ledger.apply = held  # type: ignore[method-assign]


def test_a_revoked_partition_ends_the_batch_in_hand_and_drops_the_queued_ones(room: StreamRoom) -> None:
    room.partitions = 2
    room.prefix += "two."
    room.make_topics()
    held = Held()
    for partition in (0, 1):
        room.send(room.admissions(60), partition=partition)
    with room.worker(held, batch_size=10, inbound_partitions=2) as first:
        assert held.reached.wait(20)
        with room.worker(ready=False, batch_size=10, inbound_partitions=2) as second:
            assignment = first.worker.intake._assignment
            room.wait_until(lambda: first.worker.handover._epochs == {}, what="the revocation")
            held.go.set()
            room.wait_until(
                lambda: len(assignment.feeds) == 11 == len(second.worker.intake._assignment.feeds)
            )
            room.wait_until(lambda: room.inbox() == 120)
            for partition in (0, 1):
                room.send(room.admissions(5), partition=partition)
            room.wait_until(lambda: room.inbox() == 130)
        # The second one left: its partitions come back.
        for partition in (0, 1):
            room.send(room.admissions(5), partition=partition)
        room.wait_until(lambda: room.inbox() == 140)
        assert first.worker.reasons() == []
    assert (room.position(), room.position(partition=1), room.duplicates()) == (70, 70, 0)


def test_a_lost_partition_is_finished_by_another_worker_and_the_old_batch_is_fenced(room: StreamRoom) -> None:
    held = Held()
    frozen, thaw = threading.Event(), threading.Event()

    def freeze_after_the_first_read(worker: Worker) -> None:
        held(worker)
        topic_state = worker.intake._topic_state
        ids = topic_state.ids

        def frozen_ids(topics: Collection[str]) -> dict[str, UUID]:
            if held.reached.is_set():
                frozen.set()
                assert thaw.wait(60)
            return ids(topics)

        topic_state.ids = frozen_ids  # type: ignore[method-assign]

    room.send(room.admissions(30))
    with room.worker(freeze_after_the_first_read, batch_size=10, max_poll_interval_ms=6_000) as first:
        # The consumer's thread stands still with a batch in the agent's hand: its partitions are taken away.
        assert held.reached.wait(20)
        assert frozen.wait(20)
        with room.worker(ready=False) as second:
            room.wait_until(lambda: room.inbox() == 30, 40)
            assert room.position() == 30
            held.go.set()
            thaw.set()
            fenced = first.worker.metrics.batches.labels("enrolment", "fenced")
            room.wait_until(lambda: fenced._value.get() >= 1)
            room.send(room.admissions(5))
            room.wait_until(lambda: room.inbox() == 35)
            room.wait_until(lambda: first.worker.reasons() == [], 30)
            room.wait_until(lambda: second.worker.reasons() == [], 30)
            assert not first.ended.is_set()
    assert (room.position(), room.duplicates(), room.stopped()) == (35, 0, {})
