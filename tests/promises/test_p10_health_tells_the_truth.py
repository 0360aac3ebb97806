"""P10: health tells the truth within 10 s: broker or database hangs, is gone, comes back; a disk is full."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from connectors.cli.main import run
from connectors.embedded.kafka import EmbeddedKafka
from connectors.embedded.postgres import EmbeddedPostgres
from connectors.inbound_topics import inbound_topics
from connectors.simulation import simulate
from streams.ledger.migrate import migrate
from streams.ledger.registry_changes import seed_local
from streams.topics import ensure_topics, inbound_shape
from tests.integration.api_server import BATCH, STRUCTURED, notice, of_this_machine, until
from tests.integration.stream_room import StreamRoom, room
from tests.integration.test_worker_health import free_port
from tests.processes import Processes
from tests.small_disk import SmallDisk, small_disk

__all__ = ["room"]

WITHIN = 10.0
BACK_WITHIN = 30.0
PARTS = ("broker", "database")


@dataclass
class House:
    """Broker, database, worker, API and deliverer, each a process of its own."""

    parts: dict[str, EmbeddedKafka | EmbeddedPostgres]
    disks: dict[str, SmallDisk]
    worker: httpx.Client
    api: httpx.Client
    deliver: httpx.Client

    def worker_blames(self, part: str, process: str = "worker") -> bool:
        """Whether the worker says that it is not ready, and why: each reason begins with the part."""
        answer = getattr(self, process).get("/health/ready")
        reasons = answer.json()["reasons"]
        assert (answer.status_code, answer.json()["ready"]) == ((503, False) if reasons else (200, True))
        return any(reason.startswith(f"{part}: ") for reason in reasons)

    def api_blames(self, part: str) -> bool:
        answer = self.api.get("/health/ready")
        said = answer.json()
        blamed = {name for name, found in said["parts"].items() if not found["ready"]}
        assert (answer.status_code, said["ready"]) == ((503, False) if blamed else (200, True))
        assert blamed <= {part}, said
        return part in blamed

    def ready(self) -> bool:
        try:
            clients = (self.worker, self.api, self.deliver)
            return all(client.get("/health/ready").status_code == 200 for client in clients)
        except httpx.ConnectError:
            return False

    def works(self) -> bool:
        """A message that is sent now gets an outcome."""
        answer = self.api.post("/v1/messages", json=notice(), headers=STRUCTURED)
        assert answer.status_code == 202, answer.text
        until(lambda: self.api.get(answer.json()["receipt"]).status_code == 200, BACK_WITHIN)
        return True

    def retried(self) -> float:
        """How often the worker tried a batch again."""
        lines = self.worker.get("/metrics").text.splitlines()
        found = (line for line in lines if line.startswith("overgang_batches_total{"))
        return sum(float(line.split()[-1]) for line in found if 'outcome="retried"' in line)

    def family(self, part: str) -> list[psutil.Process]:
        """The part's process, and a database's one for each connection."""
        parent = psutil.Process(self.parts[part].pid)
        return [parent, *parent.children(recursive=True)]


Change = Callable[[House, str], None]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("house")
    ports = {"worker": free_port(), "api": free_port(), "deliver": free_port()}
    processes = Processes(directory)
    with (
        small_disk(directory / "data", 32) as data,
        small_disk(directory / "postgres", 192) as database,
        EmbeddedKafka(directory / "kafka") as kafka,
        EmbeddedPostgres(database.directory) as postgres,
    ):
        migrate(postgres.url)
        seed_local(postgres.url)
        ensure_topics(kafka.bootstrap, inbound_topics(""), inbound_shape())
        for command in ports:
            processes.start(
                "overgang", command, environment=environment(data.directory, kafka, postgres, ports)
            )
        credential = of_this_machine(data.directory)
        clients = [
            httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                timeout=5,
                trust_env=False,
                auth=credential,
            )
            for port in ports.values()
        ]
        try:
            disks = {"data": data, "database": database}
            yield House({"broker": kafka, "database": postgres}, disks, *clients)
        finally:
            for client in clients:
                client.close()
            processes.end_all()


def environment(
    directory: Path, kafka: EmbeddedKafka, postgres: EmbeddedPostgres, ports: dict[str, int]
) -> dict[str, str]:
    return {
        "OVERGANG_DATA_DIRECTORY": str(directory),
        "OVERGANG_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "OVERGANG_DATABASE_URL": postgres.url,
        "OVERGANG_HTTP_PORT": str(ports["api"]),
        "OVERGANG_WORKER_PORT": str(ports["worker"]),
        "OVERGANG_DELIVER_PORT": str(ports["deliver"]),
        "OVERGANG_DISK_FLOOR_MB": "16",
    }


def freeze(house: House, part: str) -> None:
    for process in house.family(part):
        process.suspend()


def thaw(house: House, part: str) -> None:
    for process in house.family(part):
        process.resume()


def kill(house: House, part: str) -> None:
    house.parts[part].kill()


def start(house: House, part: str) -> None:
    house.parts[part].start()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("trouble", "mend"), [(freeze, thaw), (kill, start)], ids=["that hangs", "that is gone"]
)
def test_a_part_is_told_within_ten_seconds_and_again_when_it_is_back(
    house: House, part: str, trouble: Change, mend: Change
) -> None:
    until(house.ready, BACK_WITHIN)
    assert house.works()
    trouble(house, part)
    try:
        began = time.monotonic()
        until(lambda: house.api_blames(part), WITHIN)
        until(lambda: house.worker_blames(part), WITHIN - (time.monotonic() - began))
        assert all(client.get("/health/live").status_code == 200 for client in (house.worker, house.api))
    finally:
        mend(house, part)
    until(house.ready, BACK_WITHIN)
    assert house.works()


def test_a_full_disk_of_the_database_is_told_and_every_message_is_decided_when_there_is_room_again(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    until(house.ready, BACK_WITHIN)
    postgres, disk = house.parts["database"], house.disks["database"]
    assert isinstance(postgres, EmbeddedPostgres)
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        # A fresh segment of WAL: what follows fits into it, so that the server is full and does not end.
        connection.execute("SELECT pg_switch_wal()")
        connection.execute("CHECKPOINT")
        known = {id_ for (id_,) in connection.execute("SELECT id FROM inbox")}
    retried = house.retried()
    sent = list(simulate(60, 2, 7, datetime.now(UTC).date() - timedelta(days=14)))[:400]
    try:
        disk.fill()
        began = time.monotonic()
        until(lambda: house.api_blames("database"), WITHIN)
        until(lambda: house.worker_blames("database disk"), WITHIN - (time.monotonic() - began))
        until(lambda: house.worker_blames("database disk", "deliver"), WITHIN - (time.monotonic() - began))
        monkeypatch.setenv("OVERGANG_DATABASE_URL", postgres.url)
        monkeypatch.setenv("OVERGANG_DATA_DIRECTORY", str(house.disks["data"].directory))
        assert run(["doctor"]) == 1
        assert "PostgreSQL has no room to write" in capsys.readouterr().out
        answer = house.api.post("/v1/messages", json=sent, headers=BATCH)
        assert answer.status_code == 202, answer.text
        until(lambda: house.retried() > retried, BACK_WITHIN)
        assert house.api_blames("database")
        assert house.worker_blames("database disk")
        assert all(client.get("/health/live").status_code == 200 for client in (house.worker, house.api))
    finally:
        disk.make_room()
    until(house.ready, BACK_WITHIN)

    def decided() -> set[str]:
        with psycopg.connect(postgres.url) as connection:
            return {id_ for (id_,) in connection.execute("SELECT id FROM inbox")} - known

    until(lambda: decided() == {event["id"] for event in sent}, BACK_WITHIN)
    assert house.works()


def test_a_full_disk_of_the_data_directory_is_told_and_stops_no_message(house: House) -> None:
    until(house.ready, BACK_WITHIN)
    disk = house.disks["data"]
    try:
        disk.fill()
        began = time.monotonic()
        until(lambda: house.api_blames("disk"), WITHIN)
        until(lambda: house.worker_blames("disk"), WITHIN - (time.monotonic() - began))
        assert "make room" in house.worker.get("/health/ready").json()["reasons"][0]
        assert house.works()
    finally:
        disk.make_room()
    until(house.ready, BACK_WITHIN)


def test_a_loop_that_stalls_is_never_ready_and_told_within_ten_seconds(room: StreamRoom) -> None:
    go = threading.Event()
    with room.worker() as running:
        began = time.monotonic()
        running._loop.call_soon_threadsafe(go.wait, 3 * WITHIN)
        try:
            until(lambda: any(why.startswith("loop: silent") for why in running.worker.reasons()), WITHIN)
            assert time.monotonic() - began < WITHIN
        finally:
            go.set()
        until(lambda: running.worker.reasons() == [], BACK_WITHIN)
