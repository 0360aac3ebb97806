"""Where intake stands on one assigned partition, and how Kafka records become its next batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import methodcaller
from uuid import UUID

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message, TopicPartition

from schemas.identifiers import Flow
from streams.batch import Batch, Input

_NAME_NOT_UTF8 = (("ce_name-not-utf8", None),)
"""Stands for headers that cannot be read: an attribute that nobody knows, so that the input is refused."""

_given_headers = methodcaller("headers")
"""Where a name is not UTF-8, confluent-kafka returns a broken list and leaves an exception set. CPython 3.11
stops looking for that once a plain call is hot, and some later call raises it; through `methodcaller` it
always looks."""


@dataclass(slots=True)
class PartitionFeed:
    """`delivered` is the offset after the last one that was handed over (at first the stored position).

    `reread` tells that the position was already read anew once in this assignment: a second fence stops the
    worker, since then two readers would be fighting for the partition.
    """

    topic: str
    topic_id: UUID
    flow: Flow
    partition: int
    epoch: int
    delivered: int
    reread: bool = False

    def at_delivered(self) -> TopicPartition:
        """What the consumer is assigned so that it reads on after the last handed-over input."""
        return TopicPartition(self.topic, self.partition, self.delivered)

    def next_batch(self, messages: Sequence[Message]) -> Batch | None:
        """The batch of these records of this partition; None if all of them were handed over before.

        Records before `delivered` come when the consumer was moved while they were on their way.
        """
        inputs = tuple(_input(message) for message in messages if message.offset() >= self.delivered)
        if not inputs:
            return None
        after, self.delivered = self.delivered, inputs[-1].offset + 1
        return Batch(
            topic=self.topic,
            topic_id=self.topic_id,
            flow=self.flow,
            partition=self.partition,
            epoch=self.epoch,
            after=after,
            next=self.delivered,
            inputs=inputs,
        )


def _input(message: Message) -> Input:
    kind, at_ms = message.timestamp()
    return Input(
        offset=message.offset(),
        key=message.key(),
        headers=_headers(message),
        value=message.value(),
        appended_ms=at_ms if kind == TIMESTAMP_LOG_APPEND_TIME else None,
    )


def _headers(message: Message) -> tuple[tuple[str, bytes | None], ...]:
    try:
        return tuple(_given_headers(message) or ())
    except SystemError:
        # The sender's fault, which must not end this thread.
        return _NAME_NOT_UTF8
