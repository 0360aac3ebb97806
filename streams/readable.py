"""Which partitions of a topic cannot be read on from where the ledger left off: an operator decides."""

from dataclasses import dataclass
from uuid import UUID

from confluent_kafka.admin import AdminClient

from schemas.identifiers import Flow
from streams.continuity import starting_offset
from streams.failures import FlowStopped
from streams.ledger.ledger import Ledger
from streams.topic_state import TopicState

_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A partition, why intake refuses to read it on, and the oldest offset that the broker holds of it."""

    topic_id: UUID
    partition: int
    reason: str
    earliest: int


def unreadable_partitions(admin: AdminClient, topic: str, flow: Flow, ledger: Ledger) -> list[Unreadable]:
    """Judge every partition as intake does.

    Raises:
        FlowStopped: the topic is not on the broker.
        KafkaException: the broker does not answer.
    """
    state = TopicState(admin)
    topic_id = state.ids([topic]).get(topic)
    if topic_id is None:
        raise FlowStopped(flow, f"{topic} is not on the broker; a starting worker makes it")
    partitions = admin.list_topics(topic, timeout=_TIMEOUT).topics[topic].partitions
    held = state.ranges([(topic, partition) for partition in partitions])
    found: list[Unreadable] = []
    for place, offsets in sorted(held.items()):
        try:
            starting_offset(flow, place, ledger.position(*place), topic_id, offsets)
        except FlowStopped as stop:
            found.append(Unreadable(topic_id, place[1], stop.reason, offsets.start))
    return found
