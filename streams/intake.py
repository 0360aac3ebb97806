"""Reads the inbound topics: one consumer in a thread of its own, batches of one partition to the agents.

The thread polls always, also while a flow is paused, stopped or crowded: a consumer that does not poll
loses its partitions after max.poll.interval. Everything that touches the consumer happens in this thread.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping, Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from mode import Service

from schemas.identifiers import Flow
from streams.assignment import Assignment
from streams.batch import Batch
from streams.continuity import changed_topics
from streams.failures import StopWorker
from streams.handover import Handover, Place
from streams.health import Health
from streams.ledger.ledger import Ledger
from streams.topic_state import TopicState

log = structlog.get_logger(__name__)

LOOK_EVERY = 2.0
"""Seconds between looks at topic ids, offsets, and the flows that the operator stopped or resumed."""
IDLE_POLL = 0.1
CROWDED_POLL = 0.01
"""While a flow is paused the thread looks often whether it may read on."""


class Intake(Service):  # type: ignore[misc] # mode has no types
    """One consumer of all inbound topics. `topics` maps full topic names to flows.

    Crashes, and with it the worker, with `StopWorker` where a partition is fenced twice in one assignment or
    the consumer reports a fatal error, and with whatever else its thread raised.
    """

    def __init__(
        self,
        *,
        settings: Mapping[str, object],
        topics: Mapping[str, Flow],
        batch_size: int,
        ledger: Ledger,
        topic_state: TopicState,
        handover: Handover,
        health: Health,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._batch_size = batch_size
        self._topic_state = topic_state
        self._handover = handover
        self._health = health
        self._stopping = threading.Event()
        self._look = threading.Event()
        self._next_look = 0.0
        self._thread = threading.Thread(target=self._run, name="intake")
        self._assignment = Assignment(
            topics=topics,
            ledger=ledger,
            topic_state=topic_state,
            handover=handover,
            health=health,
            stopping=self._stopping,
        )

    async def on_start(self) -> None:
        self._event_loop = asyncio.get_running_loop()
        self._thread.start()

    async def on_stop(self) -> None:
        self._stopping.set()
        self._handover.cancel_sends()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def fenced(self, batch: Batch) -> None:
        """The ledger refused a batch of the current epoch: read the position anew. From any thread."""
        self._assignment.fenced(batch)

    def look_now(self) -> None:
        """A flow was stopped: do not wait for the next look. From any thread."""
        self._look.set()

    def _run(self) -> None:
        try:
            self._consumer = Consumer(dict(self._settings), logger=logging.getLogger("librdkafka"))
            try:
                self._assignment.follow(self._consumer)
                while not self._stopping.is_set():
                    self._turn()
            finally:
                self._consumer.close()
        except Exception as error:  # noqa: BLE001 whatever ends the thread ends the worker, with its cause
            asyncio.run_coroutine_threadsafe(self.crash(error), self._event_loop)

    def _turn(self) -> None:
        epoch = self._assignment.epoch
        messages = self._read()
        if self._stopping.is_set():
            return
        if messages and self._assignment.epoch != epoch:
            # Read on both sides of a rebalance: which record is of which side cannot be told.
            self._assignment.read_from_feeds()
        elif messages:
            self._deliver(messages)
        self._health.alive("intake")
        self._assignment.reread_fenced()
        if self._look.is_set() or time.monotonic() >= self._next_look:
            self._look.clear()
            self._assignment.look()
            self._assignment.commit_for_lag_tools()
            self._next_look = time.monotonic() + LOOK_EVERY
        self._pause_and_resume()

    def _read(self) -> list[Message]:
        first = self._consumer.poll(CROWDED_POLL if self._assignment.paused else IDLE_POLL)
        if first is None:
            return []
        messages = [first, *self._consumer.consume(self._batch_size - 1, 0)]
        for message in messages:
            if (error := message.error()) is not None:
                self._on_error(error)
        return [message for message in messages if message.error() is None]

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            raise StopWorker(f"the consumer cannot go on: {error.str()}")
        log.warning("kafka error while reading", error=error.name())
        # Out of range, unknown topic: the look at topics and offsets finds out what it is.
        self._look.set()

    def _deliver(self, messages: Sequence[Message]) -> None:
        """Hand over what was read, once the topics are known to be still the same ones."""
        by_place: dict[Place, list[Message]] = {}
        for message in messages:
            by_place.setdefault((message.topic(), message.partition()), []).append(message)
        feeds = {
            place: self._assignment.feeds[place] for place in by_place if place in self._assignment.feeds
        }
        try:
            ids = self._topic_state.ids({topic for topic, _ in feeds})
        except KafkaException as error:
            log.warning("topic ids unknown, reading again", error=error.args[0].name())
            self._assignment.read_from_feeds()
            return
        changed = changed_topics(feeds, ids)
        for place, feed in feeds.items():
            if feed.flow not in changed and (batch := feed.next_batch(by_place[place])) is not None:
                self._handover.offer(batch)
        if changed:
            self._assignment.stop_flows(changed)
            self._look.set()

    def _pause_and_resume(self) -> None:
        paused = self._assignment.paused
        for flow in {feed.flow for feed in self._assignment.feeds.values()}:
            if flow not in paused and self._handover.crowded(flow):
                self._consumer.pause(self._partitions_of(flow))
                paused.add(flow)
            elif flow in paused and self._handover.roomy(flow):
                self._consumer.resume(self._partitions_of(flow))
                paused.discard(flow)

    def _partitions_of(self, flow: Flow) -> list[TopicPartition]:
        return [TopicPartition(*place) for place, feed in self._assignment.feeds.items() if feed.flow == flow]
