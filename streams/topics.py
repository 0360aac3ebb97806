"""The topics of this project: each made by us, with explicit settings, and looked at before it is used."""

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.problems import OvergangError
from streams.broker_access import client_settings
from streams.topic_definition import DAY_MS, TopicShape, inbound_shape, outbound_shape

__all__ = [
    "DAY_MS",
    "BrokerAway",
    "TopicShape",
    "TopicTrouble",
    "ensure_topics",
    "inbound_shape",
    "outbound_shape",
]

_AWAY = (
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._RESOLVE,
)
CREATE_SECONDS = 30.0


class TopicTrouble(OvergangError):
    """A topic cannot be made, or is not what its name promises."""


class BrokerAway(TopicTrouble):
    """The broker does not answer: it is not about a topic, and later all may be well."""


def ensure_topics(
    admin: AdminClient | str, names: Iterable[str], shape: TopicShape, *, replication_factor: int = 1
) -> None:
    """Create those that are missing and return when all are visible with a leader for every partition.

    `admin`: a client, or addresses of a broker in the clear. Topics that exist keep their settings. Raises
    TopicTrouble where a topic has another number of partitions (keys would move, and with them the order of a
    citizen's messages) and where the broker refuses; BrokerAway where it does not answer.
    """
    client = AdminClient(client_settings(admin)) if isinstance(admin, str) else admin
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
