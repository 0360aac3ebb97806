"""P10: health tells the truth within 10 s: a broker or database hangs, is gone, and comes back."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from connectors.embedded.kafka import EmbeddedKafka
from connectors.embedded.postgres import EmbeddedPostgres
from connectors.inbound_topics import inbound_topics
from streams.ledger.migrate import migrate
from streams.ledger.registry_changes import seed_local
from streams.topics import ensure_topics, inbound_shape
from tests.integration.api_server import STRUCTURED, notice, of_this_machine, until
from tests.integration.test_worker_health import free_port
from tests.processes import Processes

WITHIN = 10.0
BACK_WITHIN = 30.0
PARTS = ("broker", "database")


@dataclass
class House:
    """Broker, database, worker and API, each a process of its own."""

    parts: dict[str, EmbeddedKafka | EmbeddedPostgres]
    worker: httpx.Client
    api: httpx.Client

    def worker_blames(self, part: str) -> bool:
        """Whether the worker says that it is not ready, and why: each reason begins with the part."""
        answer = self.worker.get("/health/ready")
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
            return all(client.get("/health/ready").status_code == 200 for client in (self.worker, self.api))
        except httpx.ConnectError:
            return False

    def works(self) -> bool:
        """A message that is sent now gets an outcome."""
        answer = self.api.post("/v1/messages", json=notice(), headers=STRUCTURED)
        assert answer.status_code == 202, answer.text
        until(lambda: self.api.get(answer.json()["receipt"]).status_code == 200, BACK_WITHIN)
        return True

    def family(self, part: str) -> list[psutil.Process]:
        """The part's process, and a database's one for each connection."""
        parent = psutil.Process(self.parts[part].pid)
        return [parent, *parent.children(recursive=True)]


Change = Callable[[House, str], None]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("house")
    ports = {"worker": free_port(), "api": free_port()}
    processes = Processes(directory)
    with EmbeddedKafka(directory / "kafka") as kafka, EmbeddedPostgres(directory / "postgres") as postgres:
        migrate(postgres.url)
        seed_local(postgres.url)
        ensure_topics(kafka.bootstrap, inbound_topics(""), inbound_shape())
        for command in ports:
            processes.start("overgang", command, environment=environment(directory, kafka, postgres, ports))
        credential = of_this_machine(directory)
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
            yield House({"broker": kafka, "database": postgres}, *clients)
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
