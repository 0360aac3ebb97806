"""The API's producer on a real broker."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from connectors.http.inbound import BrokerUnavailable, InboundProducer, Record
from streams.broker_access import client_settings
from streams.topics import TopicShape, ensure_topics


@pytest.fixture
def topic(kafka: str, topic_prefix: str) -> str:
    name = f"{topic_prefix}inbound"
    ensure_topics(kafka, [name], TopicShape(2))
    return name


def producing(kafka: str, what: Callable[[InboundProducer], Awaitable[None]]) -> None:
    async def run() -> None:
        producer = InboundProducer(client_settings(kafka), 10, 1_000)
        try:
            await what(producer)
        finally:
            await producer.close()

    asyncio.run(run())


def written(kafka: str, topic: str) -> int:
    """Records on the topic."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "looks"})
    try:
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=20) for n in (0, 1)]
    finally:
        consumer.close()
    return sum(end for _, end in ends)


def record(topic: str, number: int = 0) -> Record:
    return Record(topic, str(number).encode(), [("ce_id", b"1")], b"value")


def test_many_sends_at_once_are_each_told_of_their_own_records(kafka: str, topic: str) -> None:
    async def send(producer: InboundProducer) -> None:
        sizes = [1, 300, 0, 2, 40]
        told = await asyncio.gather(
            *(producer.send([record(topic, n) for n in range(size)]) for size in sizes)
        )
        assert told == [[None] * size for size in sizes]
        assert producer.in_flight == 0

    producing(kafka, send)
    assert written(kafka, topic) == 343


def test_of_a_send_with_one_record_that_no_topic_takes_the_others_are_there(kafka: str, topic: str) -> None:
    async def send(producer: InboundProducer) -> None:
        first, lost, last = await producer.send([record(topic), record(f"{topic}.none"), record(topic)])
        assert first is last is None
        assert isinstance(lost, BrokerUnavailable)
        assert lost.reason in ("_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART")

    producing(kafka, send)
    assert written(kafka, topic) == 2


def test_after_a_fatal_error_what_was_in_flight_fails_at_once_and_the_next_send_arrives(
    kafka: str, topic: str
) -> None:
    async def send(producer: InboundProducer) -> None:
        # Waits for its topic, which is not there, for the whole of the client's patience.
        waiting = asyncio.create_task(producer.send([record(f"{topic}.none")]))
        await asyncio.sleep(0)
        assert producer.in_flight == 1
        producer._on_error(KafkaError(KafkaError._FATAL, "out of order", fatal=True))
        [purged] = await waiting
        assert isinstance(purged, BrokerUnavailable)
        assert purged.reason == "_PURGE_QUEUE"
        assert await producer.send([record(topic)]) == [None]

    producing(kafka, send)
    assert written(kafka, topic) == 1
