"""What the broker says about the inbound topics: which topic bears the name, and which offsets it holds."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.handover import Place

_TIMEOUT = 4.0
"""With the two seconds between looks, a broker that hangs is known within ten (promise P10)."""
_GONE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """What a partition holds: `start` is its oldest offset, `end` its high watermark, one past the newest."""

    start: int
    end: int


class TopicState:
    """Asks the broker; every method raises `KafkaException` where it does not answer within 4 seconds.

    `new_admin` makes the client that is asked after one that failed. A client whose request was under way to
    a broker that died may time out for ever, although the other brokers answer: seen with librdkafka 2.16.
    """

    def __init__(self, admin: AdminClient, new_admin: Callable[[], AdminClient] | None = None) -> None:
        self._admin = admin
        self._new_admin = new_admin

    def ids(self, topics: Collection[str]) -> dict[str, UUID]:
        """Kafka's own id of each topic; a topic that is not there is left out."""
        if not topics:
            return {}
        with self._renewing():
            return self._ids(topics)

    def ranges(self, places: Collection[Place]) -> dict[Place, OffsetRange]:
        """The offsets of each partition; one that is not there is left out."""
        with self._renewing():
            starts = self._offsets(places, OffsetSpec.earliest())
            ends = self._offsets(places, OffsetSpec.latest())
        return {place: OffsetRange(starts[place], ends[place]) for place in starts.keys() & ends.keys()}

    @contextmanager
    def _renewing(self) -> Iterator[None]:
        try:
            yield
        except KafkaException:
            if self._new_admin is not None:
                self._admin = self._new_admin()
            raise

    def _ids(self, topics: Collection[str]) -> dict[str, UUID]:
        answers = self._admin.describe_topics(TopicCollection(list(topics)), request_timeout=_TIMEOUT)
        found = {}
        for topic, answer in answers.items():
            try:
                found[topic] = _uuid(_in_time(answer).topic_id)
            except KafkaException as error:
                if error.args[0].code() not in _GONE:
                    raise
        return found

    def _offsets(self, places: Collection[Place], which: OffsetSpec) -> dict[Place, int]:
        if not places:
            return {}
        answers = self._admin.list_offsets(
            {TopicPartition(topic, partition): which for topic, partition in places},
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=_TIMEOUT,
        )
        found = {}
        for at, answer in answers.items():
            try:
                found[at.topic, at.partition] = _known(_in_time(answer).offset)
            except KafkaException as error:
                if error.args[0].code() not in _GONE:
                    raise
        return found


def _known(offset: int) -> int:
    """The offset. While the leader of a partition dies, an answer can be a success that holds none."""
    if offset < 0:
        raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
    return offset


def _in_time(answer: Future[Any]) -> Any:
    """The answer; a broker that hangs can let the future's patience end before that of the request."""
    try:
        return answer.result(timeout=_TIMEOUT)
    except TimeoutError:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None


def _uuid(kafka_id: object) -> UUID:
    high = kafka_id.get_most_significant_bits() & _MASK  # type: ignore[attr-defined]
    low = kafka_id.get_least_significant_bits() & _MASK  # type: ignore[attr-defined]
    return UUID(int=(high << 64) | low)
