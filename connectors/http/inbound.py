"""The producer to the inbound topics: a message counts as accepted when the broker has acknowledged it.

The event loop itself asks Kafka's client what became of them, at each send and every millisecond while
something is in flight. From a thread of its own each of those answers would wait for the interpreter: see
docs/decisions/0026.

What happens when: the broker is away -> each waiting send ends with `BrokerUnavailable` after
`acknowledge_within` seconds, and later sends succeed by themselves once it is back. The client has a fatal
error (its idempotence cannot be kept) -> it is thrown away with all it holds, each of those sends fails, and
a new one takes its place. A send that failed may still have arrived: repeated under its id it is a duplicate.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.problems import OvergangError

_log = structlog.get_logger(__name__)
_librdkafka = logging.getLogger("librdkafka")
_ASK_SECONDS = 0.001
_IDLE_SECONDS = 0.2
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
    """Records that were given to the client together."""

    __slots__ = ("_left", "outcomes", "settled")

    def __init__(self, count: int) -> None:
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        unknown = BrokerUnavailable("no answer from the client")
        self.outcomes: list[BrokerUnavailable | None] = [unknown] * count
        self._left = count

    def told(self, place: int, error: KafkaError | None, _: Message | None = None) -> None:
        """What became of one. The last one ends the wait for all."""
        if self.settled.done():
            return
        self.outcomes[place] = None if error is None else BrokerUnavailable(error.name())
        self._left -= 1
        if not self._left:
            self.settled.set_result(None)

    def give_up(self) -> None:
        """Of those that are left nobody knows."""
        if not self.settled.done():
            self.settled.set_result(None)


class InboundProducer:
    """One idempotent producer. To be made and used inside one running event loop.

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
        self._broken = False
        self._thrown_away: list[Producer] = []
        self._producer = Producer(self._settings, logger=_librdkafka)
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_soon(self._ask_again)

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
        batch = _InFlight(len(records))
        if not self._in_flight:
            self._next.cancel()
            self._next = self._loop.call_later(_ASK_SECONDS, self._ask_again)
        self._in_flight += len(records)
        # The client's own timeout ends the wait; this one only guards against a client that is gone.
        guard = self._loop.call_later(self._within + _GRACE_SECONDS, batch.give_up)
        try:
            for place, record in enumerate(records):
                self._produce(batch, place, record)
            self._ask()
            await batch.settled
        finally:
            guard.cancel()
            self._in_flight -= len(records)
        return batch.outcomes

    def _produce(self, batch: _InFlight, place: int, record: Record) -> None:
        told = partial(batch.told, place)
        try:
            self._producer.produce(
                record.topic, record.value, record.key, headers=record.headers, on_delivery=told
            )
        except BufferError:
            told(KafkaError(KafkaError._QUEUE_FULL))
        except KafkaException as refused:
            self._on_error(refused.args[0])
            told(refused.args[0])

    def topics(self, within: float) -> frozenset[str]:
        """Names of the broker's topics; blocks up to `within` seconds. Raises `BrokerUnavailable`."""
        try:
            return frozenset(self._producer.list_topics(timeout=within).topics)
        except KafkaException as failed:
            raise BrokerUnavailable(failed.args[0].name()) from failed

    async def close(self) -> None:
        """Wait for what is in flight."""
        self._next.cancel()
        self._producer.flush(self._within)

    def _on_error(self, error: KafkaError) -> None:
        self._broken = self._broken or error.fatal()

    def _ask_again(self) -> None:
        self._ask()
        self._next = self._loop.call_later(
            _ASK_SECONDS if self._in_flight else _IDLE_SECONDS, self._ask_again
        )

    def _ask(self) -> None:
        """Have the client tell what it has heard; never waits."""
        self._producer.poll(0)
        for producer in self._thrown_away:
            producer.poll(0)
        self._thrown_away = [producer for producer in self._thrown_away if len(producer)]
        if self._broken:
            _log.error("producer_replaced", reason="fatal error of the Kafka client")
            self._broken = False
            self._producer.purge()
            self._thrown_away.append(self._producer)
            self._producer = Producer(self._settings, logger=_librdkafka)
