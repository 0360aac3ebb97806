"""Which partitions this worker reads, and from where: the ledger decides, not Kafka.

Everything here runs in the consumer's thread; the rebalance callbacks are called inside poll, consume and
close. Partitions are assigned eagerly: a rebalance takes all of them and gives them anew, each under a new
epoch and at its stored position. That costs a pause of seconds at a deployment and leaves one case to think
about, not four.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from queue import SimpleQueue

import psycopg
import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.identifiers import Flow
from streams.batch import Batch
from streams.continuity import starting_offset
from streams.failures import FlowStopped, StopWorker
from streams.handover import Handover, Place, place_of
from streams.health import Health
from streams.ledger.ledger import Ledger
from streams.ledger.positions import StoredPosition
from streams.partition_feed import PartitionFeed
from streams.topic_state import TopicState

log = structlog.get_logger(__name__)

REVOKE_WAIT = 10.0
"""Seconds that a revoked partition waits for its batch in hand; past that the ledger's fence decides."""

UNREACHABLE = (psycopg.OperationalError, psycopg.InterfaceError, KafkaException)
"""Ledger or broker do not answer: wait and ask again."""


class Assignment:
    """The open partitions of one consumer. `topics` maps full topic names to flows.

    `feeds` are the open partitions, `epoch` changes whenever partitions come, go or are read anew, `paused`
    are the flows whose partitions the consumer does not fetch just now.
    """

    def __init__(
        self,
        *,
        topics: Mapping[str, Flow],
        ledger: Ledger,
        topic_state: TopicState,
        handover: Handover,
        health: Health,
        stopping: threading.Event,
    ) -> None:
        self.feeds: dict[Place, PartitionFeed] = {}
        self.epoch = 0
        self.paused: set[Flow] = set()
        self._topics = topics
        self._ledger = ledger
        self._topic_state = topic_state
        self._handover = handover
        self._health = health
        self._stopping = stopping
        self._assigned: list[Place] = []
        self._stopped: dict[Flow, str] = {}
        self._unrecorded: dict[Flow, str] = {}
        self._fenced: SimpleQueue[Batch] = SimpleQueue()

    def follow(self, consumer: Consumer) -> None:
        """Subscribe the consumer; what the group gives it is read from the stored positions."""
        self._consumer = consumer
        self._health.trouble("partitions", "the group has not assigned any yet")
        consumer.subscribe(
            list(self._topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def fenced(self, batch: Batch) -> None:
        """The ledger refused this batch; called by agents, from any thread."""
        self._fenced.put(batch)

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Blocks until ledger and broker answer, or the worker stops.

        That is harmless: nothing can be stored while either is away, and a group that lost patience with this
        member assigns the partitions anew.
        """
        self._assigned = [(at.topic, at.partition) for at in partitions]
        pause = 0.2
        while not self._stopping.is_set():
            try:
                self._open(self._assigned)
            except UNREACHABLE as error:
                self._health.trouble("partitions", f"positions cannot be read ({type(error).__name__})")
                self._stopping.wait(pause)
                pause = min(2 * pause, 5.0)
            else:
                self._health.alive("partitions")
                return
        self._consumer.assign([])

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not self._handover.withdraw([(at.topic, at.partition) for at in partitions], wait=REVOKE_WAIT):
            log.warning("revoked with a batch in hand; the ledger fences it or its successor")
        self.commit_for_lag_tools()
        self._forget()

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.warning("partitions lost", count=len(partitions))
        self._handover.withdraw([(at.topic, at.partition) for at in partitions], wait=0)
        self._forget()

    def _forget(self) -> None:
        self._assigned, self.feeds = [], {}
        self.paused.clear()
        self.epoch += 1
        self._health.trouble("partitions", "the group is rebalancing")
        self._consumer.unassign()

    def _open(self, places: Sequence[Place]) -> None:
        """Read these partitions from their stored positions, under a new epoch; stops flows that cannot."""
        self._stopped = {**self._ledger.stopped_flows(), **self._unrecorded}
        wanted = [place for place in places if self._topics[place[0]] not in self._stopped]
        ids = self._topic_state.ids({topic for topic, _ in wanted})
        held = self._topic_state.ranges([place for place in wanted if place[0] in ids])
        stored = {place: self._ledger.position(*place) for place in wanted}
        self.epoch += 1
        refused: dict[Flow, str] = {}
        for place in wanted:
            topic, partition = place
            flow, topic_id = self._topics[topic], ids.get(topic)
            try:
                offset = starting_offset(flow, place, stored[place], topic_id, held.get(place))
            except FlowStopped as stop:
                refused.setdefault(flow, stop.reason)
                continue
            self.feeds[place] = PartitionFeed(topic, ids[topic], flow, partition, self.epoch, offset)
            self._handover.open(place, flow, self.epoch)
        self.stop_flows(refused)
        self.read_from_feeds()

    def read_from_feeds(self) -> None:
        """Assign every open partition at its next offset; what the consumer had fetched before is void."""
        partitions = [feed.at_delivered() for feed in self.feeds.values()]
        self._consumer.assign(partitions)
        # A partition that was paused when it went comes back paused.
        self._consumer.resume(partitions)
        self.paused.clear()

    def reread_fenced(self) -> None:
        """A batch of the current epoch was fenced: read the position anew, once; a second time is a fight."""
        while not self._fenced.empty():
            batch = self._fenced.get()
            place = place_of(batch)
            feed = self.feeds.get(place)
            if feed is None or feed.epoch != batch.epoch:
                continue
            try:
                stored = self._ledger.position(*place)
                if stored == StoredPosition(batch.topic_id, batch.next):
                    # Its commit had succeeded although the connection broke: nothing was lost or repeated.
                    continue
                if feed.reread or stored is None or stored.next == batch.after:
                    raise StopWorker(
                        f"{batch.topic} [{batch.partition}] is read by somebody else, or its position was"
                        f" changed by hand: the batch starts after {batch.after},"
                        f" the stored position is {stored.next if stored else 0}"
                    )
                self._open([place])
            except UNREACHABLE:
                self._fenced.put(batch)
                return
            if place in self.feeds:
                self.feeds[place].reread = True

    def commit_for_lag_tools(self) -> None:
        """Tell Kafka how far the ledger is. Nothing reads it back: it only shows the lag."""
        offsets = [
            TopicPartition(*place, after)
            for place, after in self._handover.take_stored().items()
            if place in self.feeds
        ]
        if not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            log.info("lag not committed", error=error.args[0].name())

    def stop_flows(self, reasons: Mapping[Flow, str]) -> None:
        """Stop reading these flows now; the rows that tell the operator are written at the next look."""
        if not reasons:
            return
        for flow, reason in reasons.items():
            log.error("flow stopped", flow=flow, reason=reason)
        self._unrecorded.update(reasons)
        self._close(set(reasons))

    def _close(self, flows: Collection[Flow]) -> None:
        closing = [place for place, feed in self.feeds.items() if feed.flow in flows]
        if closing:
            self._handover.withdraw(closing, wait=0)
            for place in closing:
                del self.feeds[place]
            self.read_from_feeds()

    def look(self) -> None:
        """Record stops, follow the operator's stops and resumptions, check that the topics are the same."""
        try:
            for flow, reason in tuple(self._unrecorded.items()):
                self._ledger.stop_flow(flow, reason)
                del self._unrecorded[flow]
            self._stopped = self._ledger.stopped_flows()
            # A flow that was resumed before this look saw it stopped is halted all the same: open it anew.
            self._close(self._stopped.keys() | self._handover.halted())
            if closed := [place for place in self._assigned if self._may_open(place)]:
                log.info("flows go on", flows=sorted({self._topics[topic] for topic, _ in closed}))
                self._open(closed)
            self.stop_flows(self._no_longer_readable())
        except UNREACHABLE as error:
            log.warning("flows and topics could not be looked at", error=type(error).__name__)
            if isinstance(error, KafkaException):
                self._health.trouble("broker", "does not answer")
        else:
            self._health.alive("broker")

    def _may_open(self, place: Place) -> bool:
        return place not in self.feeds and self._topics[place[0]] not in self._stopped

    def _no_longer_readable(self) -> dict[Flow, str]:
        ids = self._topic_state.ids({topic for topic, _ in self.feeds})
        held = self._topic_state.ranges([place for place in self.feeds if place[0] in ids])
        reasons: dict[Flow, str] = {}
        for place, feed in self.feeds.items():
            reached = StoredPosition(feed.topic_id, feed.delivered)
            try:
                starting_offset(feed.flow, place, reached, ids.get(feed.topic), held.get(place))
            except FlowStopped as stop:
                reasons.setdefault(feed.flow, stop.reason)
        return reasons
