"""Topics are made with explicit settings and never change their number of partitions."""

from collections import Counter

import pytest
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient, ConfigResource

from streams.topics import TopicTrouble, ensure_topics, inbound_shape, outbound_shape


def settings_of(admin: AdminClient, topic: str) -> dict[str, str]:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    return {
        name: entry.value for name, entry in admin.describe_configs([resource])[resource].result(20).items()
    }


def test_an_inbound_topic_has_its_partitions_and_settings_at_once(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}inbound.enrolment.v1"
    ensure_topics(kafka, [topic], inbound_shape(6))
    admin = AdminClient({"bootstrap.servers": kafka})
    partitions = admin.list_topics(topic, timeout=20).topics[topic].partitions
    assert sorted(partitions) == [0, 1, 2, 3, 4, 5]
    settings = settings_of(admin, topic)
    assert settings["cleanup.policy"] == "delete"
    assert settings["retention.ms"] == "1209600000"
    assert settings["max.message.bytes"] == "1048576"
    assert settings["min.insync.replicas"] == "1"
    assert settings["message.timestamp.type"] == "LogAppendTime"


def test_a_burst_of_small_messages_fills_batches_that_the_topic_takes(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}outbound.municipality.751.v1"
    ensure_topics(kafka, [topic], outbound_shape())
    outcomes: list[str] = []

    def note(error: KafkaError | None, _: Message) -> None:
        outcomes.append("stored" if error is None else error.name())

    producer = Producer({"bootstrap.servers": kafka, "acks": "all", "linger.ms": 200})
    for _ in range(20_000):
        producer.produce(topic, b"x" * 200, on_delivery=note)
    assert producer.flush(60) == 0
    assert Counter(outcomes) == {"stored": 20_000}


def test_an_outbound_topic_has_one_partition(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}outbound.municipality.751.v1"
    ensure_topics(kafka, [topic], outbound_shape())
    assert (
        len(AdminClient({"bootstrap.servers": kafka}).list_topics(topic, timeout=20).topics[topic].partitions)
        == 1
    )


def test_topics_that_exist_are_left_as_they_are(kafka: str, topic_prefix: str) -> None:
    topics = [f"{topic_prefix}inbound.mentor.v1", f"{topic_prefix}inbound.correction.v1"]
    ensure_topics(kafka, topics[:1], inbound_shape(2))
    ensure_topics(kafka, topics, inbound_shape(2))
    ensure_topics(kafka, topics, inbound_shape(2))
    listed = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=20).topics
    assert [len(listed[topic].partitions) for topic in topics] == [2, 2]


def test_another_number_of_partitions_is_refused_by_name(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}inbound.enrolment.v1"
    ensure_topics(kafka, [topic], inbound_shape(2))
    with pytest.raises(TopicTrouble, match=r"inbound\.enrolment\.v1 has 2 partitions where 6 are configured"):
        ensure_topics(kafka, [topic], inbound_shape(6))


def test_more_replicas_than_brokers_are_refused_by_the_topics_name(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}outbound.institution.280051.v1"
    with pytest.raises(TopicTrouble, match=r"outbound\.institution\.280051\.v1 cannot be made"):
        ensure_topics(kafka, [topic], outbound_shape(replication_factor=3), replication_factor=3)


def test_the_broker_makes_no_topic_by_itself(kafka: str, topic_prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.list_topics(f"{topic_prefix}inbound.typo.v1", timeout=20)
    assert f"{topic_prefix}inbound.typo.v1" not in admin.list_topics(timeout=20).topics


def test_three_replicas_let_one_be_away() -> None:
    assert inbound_shape(6, replication_factor=3).settings["min.insync.replicas"] == "2"
