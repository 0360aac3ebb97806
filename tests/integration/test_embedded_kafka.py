"""The embedded broker: it keeps its data through crashes, never outlives its owner, and has one owner."""

import os
import signal
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from connectors.embedded.failures import DidNotStart, DirectoryInUse
from connectors.embedded.kafka import EmbeddedKafka
from streams.topics import ensure_topics, inbound_shape
from tests.conftest import WaitUntil
from tests.living import lives
from tests.processes import Processes

TOPIC = "inbound.enrolment.v1"
OWNER = """
import sys, threading
from pathlib import Path
from connectors.embedded.kafka import EmbeddedKafka
broker = EmbeddedKafka(Path(sys.argv[1]))
starter = threading.Thread(target=broker.start)
starter.start()
starter.join()
print("broker", broker.pid, flush=True)
threading.Event().wait()
"""


def produce(bootstrap: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for value in values:
        producer.produce(TOPIC, value, partition=0)
    assert producer.flush(30) == 0


def values_in(bootstrap: str, count: int) -> list[bytes | None]:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "reader", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([TOPIC])
    try:
        return [message.value() for message in consumer.consume(count, timeout=30)]
    finally:
        consumer.close()


def test_a_broker_that_was_killed_comes_back_on_its_port_with_its_data(own_kafka: EmbeddedKafka) -> None:
    bootstrap, process = own_kafka.bootstrap, own_kafka.pid
    ensure_topics(bootstrap, [TOPIC], inbound_shape(1))
    produce(bootstrap, [b"one", b"two"])
    own_kafka.kill()
    assert not own_kafka.running
    assert not psutil.pid_exists(process)
    own_kafka.start()
    assert own_kafka.bootstrap == bootstrap
    assert own_kafka.pid != process
    produce(bootstrap, [b"three"])
    assert values_in(bootstrap, 3) == [b"one", b"two", b"three"]


def test_a_clean_stop_ends_the_broker_and_frees_the_directory(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path) as broker:
        ensure_topics(broker.bootstrap, [TOPIC], inbound_shape(1))
        process = broker.pid
    assert not psutil.pid_exists(process)
    with EmbeddedKafka(tmp_path) as again:
        assert TOPIC in AdminClient({"bootstrap.servers": again.bootstrap}).list_topics(timeout=20).topics


def test_two_brokers_run_side_by_side(kafka: str, own_kafka: EmbeddedKafka) -> None:
    ensure_topics(own_kafka.bootstrap, [TOPIC], inbound_shape(1))
    assert kafka != own_kafka.bootstrap
    assert TOPIC not in AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=20).topics


def test_a_directory_with_a_living_owner_is_refused_by_the_owners_process_id(
    own_kafka: EmbeddedKafka,
) -> None:
    with pytest.raises(DirectoryInUse, match=rf"in use by process {os.getpid()}; .*OVERGANG_DATA_DIRECTORY"):
        EmbeddedKafka(own_kafka.log.parent).start()
    assert own_kafka.running


def test_a_killed_owner_takes_its_broker_with_it_and_the_next_one_finds_the_data(
    tmp_path: Path, processes: Processes
) -> None:
    directory = tmp_path / "kafka"
    owner = processes.start("python", "-c", OWNER, str(directory))
    broker = psutil.Process(int(owner.wait_for_line("broker", 60).split()[1]))
    guard = broker.parent()
    assert guard is not None
    family = [broker, guard]
    assert all(lives(process) for process in family)
    owner.kill()
    # The next owner does not wait for us to look: it waits itself until the former broker has ended.
    with EmbeddedKafka(directory):
        assert not any(lives(process) for process in family)


def test_a_killed_guard_takes_its_broker_with_it(own_kafka: EmbeddedKafka, wait_until: WaitUntil) -> None:
    broker = psutil.Process(own_kafka.pid)
    guard = broker.parent()
    assert guard is not None
    guard.send_signal(signal.SIGKILL)
    wait_until(lambda: not lives(broker) and not own_kafka.running, what="the end of both")


def test_a_broker_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    broker = EmbeddedKafka(tmp_path / "kafka", jars=[tmp_path / "no-such.jar"])
    with pytest.raises(DidNotStart, match="Could not find or load main class"):
        broker.start()
    assert not broker.running


def test_the_broker_listens_on_loopback_only(own_kafka: EmbeddedKafka) -> None:
    listening = [c for c in psutil.Process(own_kafka.pid).net_connections("tcp") if c.status == "LISTEN"]
    assert len(listening) == 2
    assert {connection.laddr.ip.removeprefix("::ffff:") for connection in listening} == {"127.0.0.1"}
