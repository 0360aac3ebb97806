"""The topics of this project: each made by us, with explicit settings, and looked at before it is used."""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.problems import OvergangError

_AWAY = (
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._RESOLVE,
)
DAY_MS = 24 * 60 * 60 * 1000
CREATE_SECONDS = 30.0


class TopicTrouble(OvergangError):
    """A topic cannot be made, or is not what its name promises."""


class BrokerAway(TopicTrouble):
    """The broker does not answer: it is not about a topic, and later all may be well."""


@dataclass(frozen=True, slots=True)
class TopicShape:
    """Partitions and settings that a topic is made with; those not named here are the broker's."""

    partitions: int
    settings: Mapping[str, str] = field(default_factory=dict)


BATCH_LIMIT_BYTES = 1_048_576
"""Kafka's `max.message.bytes` bounds a producer's whole batch, and librdkafka fills one up to 1,000,000
bytes: with less, a burst of small messages is refused. One message ends far below (64 KiB and envelope)."""
_SHARED = {"cleanup.policy": "delete", "max.message.bytes": str(BATCH_LIMIT_BYTES)}


def inbound_shape(partitions: int = 6, *, replication_factor: int = 1) -> TopicShape:
    """An `inbound.*` topic. An applied message stands in the ledger: 14 days outlast an outage.

    The broker dates the records: a seal's age is measured by that, and no writer may choose it.
    """
    return TopicShape(
        partitions,
        {
            **_SHARED,
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": str(14 * DAY_MS),
            **_in_sync(replication_factor),
        },
    )


def outbound_shape(*, replication_factor: int = 1) -> TopicShape:
    """An `outbound.*` topic: one partition, because the order of a recipient's messages is a promise."""
    return TopicShape(1, {**_SHARED, "retention.ms": str(30 * DAY_MS), **_in_sync(replication_factor)})


def _in_sync(replication_factor: int) -> dict[str, str]:
    # One replica may be away, where there are three, without a write being lost or refused.
    return {"min.insync.replicas": str(max(1, replication_factor - 1))}


def ensure_topics(
    admin: AdminClient | str, names: Iterable[str], shape: TopicShape, *, replication_factor: int = 1
) -> None:
    """Create those that are missing and return when all are visible with a leader for every partition.

    `admin`: a client, or bootstrap addresses. Topics that exist keep their settings. Raises TopicTrouble
    where a topic has another number of partitions (keys would move, and with them the order of a citizen's
    messages) and where the broker refuses; BrokerAway where it does not answer.
    """
    client = AdminClient({"bootstrap.servers": admin}) if isinstance(admin, str) else admin
    wanted = sorted(set(names))
    try:
        missing = [name for name in wanted if name not in client.list_topics(timeout=CREATE_SECONDS).topics]
        _create(client, missing, shape, replication_factor)
        _wait_until_led(client, wanted, shape.partitions)
    except KafkaException as error:
        raise _trouble(error)(
            f"the broker does not answer or refuses: {error.args[0].str()}; see OVERGANG_KAFKA_BOOTSTRAP"
        ) from error


def _create(client: AdminClient, missing: Sequence[str], shape: TopicShape, replication_factor: int) -> None:
    if not missing:
        return
    futures: dict[str, Future[None]] = client.create_topics(
        [
            NewTopic(
                name,
                num_partitions=shape.partitions,
                replication_factor=replication_factor,
                config=dict(shape.settings),
            )
            for name in missing
        ],
        operation_timeout=CREATE_SECONDS,
    )
    for name, future in futures.items():
        try:
            future.result(CREATE_SECONDS)
        except KafkaException as error:
            # Another worker that starts at the same moment makes the same topics.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise _trouble(error)(f"topic {name} cannot be made: {error.args[0].str()}") from error
        except TimeoutError:
            raise BrokerAway(f"topic {name} cannot be made: the broker does not answer") from None


def _trouble(error: KafkaException) -> type[TopicTrouble]:
    return BrokerAway if error.args[0].code() in _AWAY else TopicTrouble


def _wait_until_led(client: AdminClient, wanted: Sequence[str], partitions: int) -> None:
    give_up = time.monotonic() + CREATE_SECONDS
    waiting = set(wanted)
    while waiting:
        topics = client.list_topics(timeout=CREATE_SECONDS).topics
        for name in sorted(waiting & topics.keys()):
            found = topics[name].partitions
            if found and len(found) != partitions:
                raise TopicTrouble(
                    f"topic {name} has {len(found)} partitions where {partitions} are configured; a topic's "
                    "number never changes: set OVERGANG_INBOUND_PARTITIONS to what the topics have"
                )
            if len(found) == partitions and all(part.leader >= 0 for part in found.values()):
                waiting.discard(name)
        if waiting and time.monotonic() > give_up:
            raise TopicTrouble(
                f"topics without a leader after {CREATE_SECONDS:.0f} s: {', '.join(sorted(waiting))}"
            )
        if waiting:
            threading.Event().wait(0.02)
