"""Puts outbound rows on their recipients' topics and tells what became of each."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.cloudevent import kafka_headers
from schemas.identifiers import PartyAddress
from schemas.outbound import outbound_topic
from schemas.problems import OvergangError
from streams.broker_access import Login, client_settings
from streams.ledger.case_keys import CaseErased
from streams.ledger.outbound import OutboundRow
from streams.ledger.sealing import CannotOpen
from streams.topic_making import Make, TopicMaking

if TYPE_CHECKING:
    from streams.tracing.tracing import Hop, Tracing

LARGEST_BYTES = 1_000_000
"""Of a message with its key and headers, and of a batch; outbound topics take a little more."""
_TOO_LARGE = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE, KafkaError.INVALID_RECORD)
_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)

Open = Callable[[str | None, bytes], bytes]
"""Unseal a payload by its case key."""


class ProducerFailed(OvergangError):
    """The producer cannot go on; a new one repeats what was not acknowledged, with the same ids and
    numbers."""


@dataclass(slots=True)
class Results:
    """What became of sent rows: acknowledged, impossible for ever, or refused for now (their recipients)."""

    published: list[int] = field(default_factory=list)
    undeliverable: dict[int, str] = field(default_factory=dict)
    refused: dict[PartyAddress, str] = field(default_factory=dict)


def producer_settings(bootstrap: str, login: Login | None = None) -> dict[str, object]:
    """Idempotent, in order, and with endless patience: a message that timed out would be overtaken."""
    return {
        **client_settings(bootstrap, login),
        "enable.idempotence": True,
        "acks": "all",
        "message.timeout.ms": 0,
        "linger.ms": 5,
        "compression.type": "lz4",
        "message.max.bytes": LARGEST_BYTES,
        "topic.metadata.propagation.max.ms": 5_000,
    }


class Publisher:
    """One producer. Not thread-safe; deliveries are told inside `collect`.

    `settings` as `producer_settings` gives them, `make_topics` makes those that are missing (TopicTrouble),
    in a thread of its own: `send` and `collect` never wait for a topic.
    """

    def __init__(
        self,
        settings: Mapping[str, object],
        topic_prefix: str,
        open_payload: Open,
        make_topics: Make,
        tracing: Tracing | None = None,
    ) -> None:
        self._producer = Producer(dict(settings), logger=logging.getLogger("librdkafka"))
        self._prefix = topic_prefix
        self._open = open_payload
        self._tracing = tracing
        self._making = TopicMaking(make_topics)
        self._without_topic: dict[str, PartyAddress] = {}
        self._known_topics: set[str] = set()
        self._in_flight: Counter[PartyAddress] = Counter()
        # Recipients of which the broker found a request too large: which row it was shows one by one.
        self._one_by_one: set[PartyAddress] = set()
        self._results = Results()
        self._fatal: KafkaError | None = None

    def busy(self) -> set[PartyAddress]:
        """Recipients with rows on their way, or whose topic is being made: their next rows must wait."""
        return self.on_their_way() | set(self._without_topic.values())

    def on_their_way(self) -> set[PartyAddress]:
        """Recipients with rows that the broker has yet to acknowledge."""
        return {recipient for recipient, count in self._in_flight.items() if count}

    def send(self, rows: Sequence[OutboundRow]) -> None:
        """Send rows in the order given; after a failure the rest of that recipient's rows stay for later.

        So do those whose topic is yet to be made, and all that the producer has no room for.
        """
        missing = {
            t: row.recipient for row in rows if (t := self._topic(row.recipient)) not in self._known_topics
        }
        if missing:
            self._without_topic |= missing
            self._making.ask(missing.keys())
        without_topic = set(missing.values())
        for row in rows:
            waits = row.recipient in self._one_by_one and self._in_flight[row.recipient]
            if row.recipient in self._results.refused or row.recipient in without_topic or waits:
                continue
            if not self._send_one(row):
                return

    def collect(self, seconds: float) -> Results:
        """Wait until nothing is on its way, at most `seconds`; tell what became of rows since the last call.

        Raises:
            ProducerFailed
        """
        self._producer.flush(seconds)
        if self._fatal is not None:
            raise ProducerFailed(f"the producer cannot go on: {self._fatal.name()}")
        self._note_topics()
        results, self._results = self._results, Results()
        return results

    def close(self) -> None:
        """Drop what is not acknowledged: it stays unpublished, and whoever leads next sends it again."""
        self._making.close()
        self._producer.purge()
        self._producer.flush(1)

    def _note_topics(self) -> None:
        for topic, trouble in self._making.done().items():
            recipient = self._without_topic.pop(topic)
            if trouble is None:
                self._known_topics.add(topic)
            else:
                self._results.refused[recipient] = trouble

    def _send_one(self, row: OutboundRow) -> bool:
        """False where the producer is full: the row and all behind it stay for later."""
        try:
            value = self._open(row.case_key, row.payload)
        except CaseErased:
            self._results.undeliverable[row.n] = "the case was erased before the message was sent"
            return True
        except CannotOpen as closed:
            self._results.refused[row.recipient] = str(closed)
            return True
        topic = self._topic(row.recipient)
        hop = None if self._tracing is None else self._tracing.publishing(row, topic)
        try:
            self._producer.produce(
                topic,
                value=value,
                key=row.attributes.get("subject"),
                headers=kafka_headers(row.event_attributes()),
                on_delivery=partial(self._delivered, row.n, row.recipient, hop),
            )
        except BufferError:
            return False
        except KafkaException as error:
            self._not_accepted(row, error.args[0])
        else:
            self._in_flight[row.recipient] += 1
        return True

    def _not_accepted(self, row: OutboundRow, error: KafkaError) -> None:
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self._results.undeliverable[row.n] = f"larger than {LARGEST_BYTES} bytes"
        elif error.fatal():
            self._fatal = error
        else:
            self._results.refused[row.recipient] = error.name()

    def _delivered(
        self,
        n: int,
        recipient: PartyAddress,
        hop: Hop | None,
        error: KafkaError | None,
        _message: Message,
    ) -> None:
        self._in_flight[recipient] -= 1
        if hop is not None:
            hop.end("published" if error is None else error.name(), failed=error is not None)
        if error is None:
            self._results.published.append(n)
        elif error.code() in _PURGED:
            return
        elif error.fatal():
            self._fatal = error
        elif error.code() in _TOO_LARGE and recipient in self._one_by_one:
            self._one_by_one.discard(recipient)
            self._results.undeliverable[n] = f"the broker refuses it as {error.name()}"
        else:
            if error.code() in _TOO_LARGE:
                self._one_by_one.add(recipient)
            self._known_topics.discard(self._topic(recipient))
            self._results.refused[recipient] = error.name()

    def _topic(self, recipient: PartyAddress) -> str:
        return self._prefix + outbound_topic(recipient)
