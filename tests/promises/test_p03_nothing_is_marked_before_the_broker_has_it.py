"""P3: no row is marked published before the broker acknowledged it; a repeat bears the same id and number."""

import sys
from collections.abc import Callable

import psycopg
from confluent_kafka.admin import AdminClient

from connectors.embedded.kafka import EmbeddedKafka
from tests.integration.relay_room import SCHOOL, RelayRoom, attribute, leads, relay_room, sequences
from tests.processes import Processes

__all__ = ["relay_room"]


def test_a_relay_killed_between_acknowledgement_and_mark_repeats_the_same_ids_and_numbers(
    relay_room: RelayRoom, processes: Processes
) -> None:
    ids = relay_room.write(SCHOOL, b"one", b"two", b"three")
    doomed = processes.start(
        "python",
        "-c",
        "from tests.integration.relay_room import kill_point; kill_point()",
        relay_room.bootstrap,
        relay_room.database_url,
        relay_room.prefix,
        environment={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    doomed.wait_for_line("acknowledged 3")
    assert relay_room.unpublished() == 3
    doomed.kill()
    with relay_room.running():
        relay_room.all_out()
    found = relay_room.got(SCHOOL, 6)
    assert [attribute(message, "id") for message in found] == ids + ids
    assert sequences(found) == [1, 2, 3, 1, 2, 3]


def test_while_the_broker_is_away_nothing_is_marked_and_a_stop_is_quick(
    own_kafka: EmbeddedKafka, database_url: str, topic_prefix: str, wait_until: Callable[..., None]
) -> None:
    room = RelayRoom(own_kafka.bootstrap, database_url, topic_prefix, wait_until)
    room.write(SCHOOL, b"one")
    with room.running():
        room.all_out()
    with room.running() as relay:
        wait_until(lambda: leads(relay))
        # A second row makes the relay know the topic and the producer its broker.
        room.write(SCHOOL, b"two")
        room.all_out()
        own_kafka.kill()
        room.write(SCHOOL, b"three")
        wait_until(lambda: relay._metrics.relay_leader._value.get() == 1)
        wait_until(lambda: numbered(room) == 3)
        assert room.unpublished() == 1
    assert room.unpublished() == 1
    own_kafka.start()
    AdminClient({"bootstrap.servers": own_kafka.bootstrap}).list_topics(timeout=20)
    with room.running():
        room.all_out()
    assert sequences(room.got(SCHOOL, 3))[-1] == 3


def numbered(room: RelayRoom) -> int:
    with psycopg.connect(room.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM outbound WHERE sequence IS NOT NULL").fetchone()
        assert row is not None
        return int(row[0])
