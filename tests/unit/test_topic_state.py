"""What a broker's answer about offsets is worth."""

from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import ListOffsetsResultInfo

from streams.topic_state import OffsetRange, TopicState

PLACE = ("inbound.enrolment.v1", 1)
NO_OFFSET = -1001
"""What librdkafka 2.16 gave as a success while a partition's leader died."""


class Answers:
    """A broker's answers to one question after the other."""

    def __init__(self, *offsets: int) -> None:
        self._offsets = list(offsets)

    def list_offsets(self, wanted: dict[TopicPartition, Any], **_: Any) -> dict[TopicPartition, Future[Any]]:
        answer: Future[Any] = Future()
        answer.set_result(ListOffsetsResultInfo(self._offsets.pop(0), -1, 0))
        return dict.fromkeys(wanted, answer)


def state(*offsets: int) -> TopicState:
    return TopicState(Answers(*offsets))  # type: ignore[arg-type]


def test_a_partition_holds_what_lies_between_its_two_offsets() -> None:
    assert state(0, 15).ranges([PLACE]) == {PLACE: OffsetRange(0, 15)}
    assert state(15, 15).ranges([PLACE]) == {PLACE: OffsetRange(15, 15)}


@pytest.mark.parametrize("offsets", [(NO_OFFSET, NO_OFFSET), (0, NO_OFFSET), (NO_OFFSET, 15)])
def test_a_success_without_an_offset_is_no_answer(offsets: tuple[int, ...]) -> None:
    """Taken for an end it would say that inputs were cut off, and stop every flow of a worker."""
    with pytest.raises(KafkaException) as told:
        state(*offsets).ranges([PLACE])
    assert told.value.args[0].code() == KafkaError.LEADER_NOT_AVAILABLE
