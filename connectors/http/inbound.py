"""The producer to the inbound topics: a message counts as accepted when the broker has acknowledged it.

Kafka's client calls back in its own polling thread; the answer goes to the waiting request by
`call_soon_threadsafe`, the only way into an event loop from outside.

What happens when: the broker is away -> each waiting send ends with `BrokerUnavailable` after
`acknowledge_within` seconds, and later sends succeed by themselves once it is back. The client has a fatal
error (its idempotence cannot be kept) -> it is thrown away with all it holds, each of those sends fails, and
a new one takes its place. A send that failed may still have arrived: repeated under its id it is a duplicate.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.problems import OvergangError

_log = structlog.get_logger(__name__)
_librdkafka = logging.getLogger("librdkafka")
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 1.0


class BrokerUnavailable(OvergangError):
    """No acknowledgement came in time, or the broker refused; `reason` is Kafka's name of the error."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Kafka did not acknowledge: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Record:
    """What goes to a topic."""

    topic: str
    key: bytes
    headers: list[tuple[str, bytes]]
    value: bytes


class _InFlight:
    """Records that were given to the client together: the event loop is woken once, by the last of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self.settled: asyncio.Future[None] = loop.create_future()
        self.outcomes: list[BrokerUnavailable | None] = [None] * count
        self._loop = loop
        self._lock = threading.Lock()
        self._left = set(range(count))

    def settle(self, place: int, outcome: BrokerUnavailable | None) -> None:
        """Tell what became of one; from any thread."""
        with self._lock:
            if place not in self._left:
                return
            self._left.discard(place)
            self.outcomes[place] = outcome
            if self._left:
                return
        self._loop.call_soon_threadsafe(self._wake)

    def give_up(self) -> None:
        """Of those that are left nobody knows."""
        with self._lock:
            for place in self._left:
                self.outcomes[place] = BrokerUnavailable("no answer from the client")
            self._left.clear()

    def _wake(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)


class InboundProducer:
    """One idempotent producer and the thread that polls it. To be made inside a running event loop.

    `broker`: how it is reached, as `client_settings` tells.
    """

    def __init__(
        self, broker: Mapping[str, object], acknowledge_within: float, messages_in_flight: int
    ) -> None:
        self._settings = {
            **broker,
            "client.id": "overgang-api",
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 0,
            "compression.type": "zstd",
            "message.timeout.ms": int(acknowledge_within * 1000),
            "queue.buffering.max.messages": messages_in_flight * 2,
            "topic.metadata.propagation.max.ms": 1000,
            "allow.auto.create.topics": False,
            "reconnect.backoff.max.ms": 1000,
            "error_cb": self._on_error,
            "log_level": 2,
        }
        self._within = acknowledge_within
        self._limit = messages_in_flight
        self._in_flight = 0
        self._broken = threading.Event()
        self._stopped = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._producer = Producer(self._settings, logger=_librdkafka)
        self._thread = threading.Thread(target=self._poll, name="inbound-producer", daemon=True)
        self._thread.start()

    def has_room(self, count: int) -> bool:
        """Whether `count` more messages may be sent before any await."""
        return self._in_flight + count <= self._limit

    @property
    def in_flight(self) -> int:
        """Messages sent and not yet acknowledged."""
        return self._in_flight

    async def send(self, records: Sequence[Record]) -> list[BrokerUnavailable | None]:
        """Return once all in-sync replicas have the records, or it is certain which they do not have in time.

        One entry a record, in their order: None where it is there.
        """
        if not records:
            return []
        batch = _InFlight(self._loop, len(records))
        self._in_flight += len(records)
        try:
            for place, record in enumerate(records):
                self._produce(batch, place, record)
            # The client's own timeout ends the wait; this one only guards against a client that is gone.
            await asyncio.wait_for(batch.settled, self._within + _GRACE_SECONDS)
        except TimeoutError:
            batch.give_up()
        finally:
            self._in_flight -= len(records)
        return batch.outcomes

    def _produce(self, batch: "_InFlight", place: int, record: Record) -> None:
        def on_delivery(error: KafkaError | None, _: object) -> None:
            batch.settle(place, None if error is None else BrokerUnavailable(error.name()))

        try:
            self._producer.produce(
                record.topic, record.value, record.key, headers=record.headers, on_delivery=on_delivery
            )
        except BufferError:
            batch.settle(place, BrokerUnavailable("the queue is full"))
        except KafkaException as refused:
            self._on_error(refused.args[0])
            batch.settle(place, BrokerUnavailable(refused.args[0].name()))

    def topics(self, within: float) -> frozenset[str]:
        """Names of the broker's topics; blocks up to `within` seconds. Raises `BrokerUnavailable`."""
        try:
            return frozenset(self._producer.list_topics(timeout=within).topics)
        except KafkaException as failed:
            raise BrokerUnavailable(failed.args[0].name()) from failed

    async def close(self) -> None:
        """Wait for what is in flight, then end the polling thread."""
        await asyncio.to_thread(self._producer.flush, self._within)
        self._stopped.set()
        await asyncio.to_thread(self._thread.join)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._broken.set()

    def _poll(self) -> None:
        while not self._stopped.is_set():
            self._producer.poll(_POLL_SECONDS)
            if self._broken.is_set():
                self._replace()

    def _replace(self) -> None:
        _log.error("producer_replaced", reason="fatal error of the Kafka client")
        broken, self._producer = self._producer, Producer(self._settings, logger=_librdkafka)
        self._broken.clear()
        broken.purge()
        broken.flush(_GRACE_SECONDS)
