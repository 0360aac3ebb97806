"""A real gateway as an operator watches it: processes, a load with faults, a Prometheus that scrapes them.

Worker, API and deliverer are processes of their own. A worker is killed in the middle of the load, and what
nobody can read lies on the topics. Everything here is done once for all tests of a module.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from connectors.access.token_keys import own_key
from connectors.access.tokens import issue
from connectors.simulation import simulate
from streams.database_roles import shipped_roles
from streams.ledger.registry_changes import seed_local
from streams.registry import LOCAL
from tests.integration.api_server import of_this_machine, until
from tests.integration.database_users import as_user, give_rights
from tests.integration.stream_room import StreamRoom
from tests.integration.test_worker_health import free_port
from tests.processes import Processes, Running
from tests.promises.finished_run import outcomes
from tests.shell import ROOT, typed

PEOPLE, WEEKS, SEED = 60, 2, 23
UNREADABLE = 7
ALERTS = ROOT / "docs" / "examples" / "alerts.yml"
RULES = [r for g in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for r in g["rules"]]
COUNTING_OFTEN = (
    "import streams.ledger_numbers as numbers; numbers.COUNT_EVERY = 1.0;"
    " from connectors.cli.main import main; main()"
)
"""`overgang` whose API looks at the ledger every second: tests need not wait for ten."""
Labels = tuple[tuple[str, str], ...]


def needs_prometheus() -> None:
    """Skips where it is not installed, but never in the CI."""
    if shutil.which("prometheus") is None and not os.environ.get("CI"):
        pytest.skip("prometheus and promtool are not installed (apt-get install prometheus)")


@dataclass
class Operated:
    """The running gateway, each process as its own user of the database. `environment` is that of a shell in
    which its operator types.
    """

    room: StreamRoom
    processes: Processes
    environment: Mapping[str, str]
    urls: Mapping[str, str]
    running: dict[str, Running]
    client: httpx.Client
    sent: int = 0

    def numbers(self, process: str = "api") -> dict[tuple[str, Labels], float]:
        """What `/metrics` of a process tells now."""
        text = self.client.get(f"{self.urls[process]}/metrics").text
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def counted(self) -> dict[tuple[str, Labels], float]:
        """The numbers of a look at the ledger that began after now."""
        began = time.time()
        key = ("overgang_ledger_counted_timestamp_seconds", ())
        found: dict[tuple[str, Labels], float] = {}

        def looked() -> bool:
            found.clear()
            found.update(self.numbers())
            return found.get(key, 0) > began

        until(looked, 30)
        return found

    def shell(self, command: str) -> tuple[int, str]:
        """Exit status and output of a line that the operator types."""
        return typed(command, self.environment)

    def quiet(self) -> None:
        """Wait until nothing waits for an outcome, a deadline or the broker."""
        until(lambda: outcomes(self.room) >= self.sent, 60)
        until(
            lambda: (
                self.room.rows(
                    "SELECT NOT EXISTS (SELECT FROM outbound WHERE published_at IS NULL"
                    " AND undeliverable_at IS NULL)"
                    " AND NOT EXISTS (SELECT FROM cases WHERE next_change <= now())"
                )
                == [(True,)]
            ),
            60,
        )

    def start(self, name: str, **more: str) -> None:
        """Start a process of the gateway under this name, `worker`, `api` or `deliver`."""
        user = shipped_roles().users[name]
        environment = self.settings | {"OVERGANG_DATABASE_URL": as_user(self.room.database_url, user)} | more
        self.running[name] = self.processes.start(
            "python", "-c", COUNTING_OFTEN, name, environment=environment
        )

    @property
    def settings(self) -> dict[str, str]:
        return {name: text for name, text in self.environment.items() if name.startswith("OVERGANG_")}

    def unreadable(self, flow: str, count: int = 1) -> None:
        """What nobody can read, on a flow's topic."""
        producer = Producer({"bootstrap.servers": self.room.bootstrap})
        for _ in range(count):
            producer.produce(self.room.topic(flow), key=uuid4().hex, value=b"\0nobody can read this")
        assert producer.flush(20) == 0
        self.sent += count


@contextmanager
def operated(kafka: str, database_url: str, directory: Path) -> Iterator[Operated]:
    """A gateway that is ready and has had nothing yet."""
    name = f"ops{uuid4().hex[:12]}."
    processes = Processes(directory)
    wait = lambda condition, timeout=20, what="": until(condition, timeout)  # noqa: E731
    room = StreamRoom(kafka, database_url, name, directory, wait, partitions=2)
    seed_local(room.database_url)
    give_rights(room.database_url)
    ports = {part: free_port() for part in ("worker", "api", "deliver")}
    urls = {part: f"http://127.0.0.1:{port}" for part, port in ports.items()}
    ours = {key: text for key, text in os.environ.items() if not key.startswith("OVERGANG_")}
    environment = ours | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1",
        "OVERGANG_KAFKA_BOOTSTRAP": room.bootstrap,
        "OVERGANG_DATABASE_URL": as_user(room.database_url, shipped_roles().users["operator"]),
        "OVERGANG_DATA_DIRECTORY": str(directory),
        "OVERGANG_PSEUDONYM_KEY_FILE": str(directory / "pseudonym.key"),
        "OVERGANG_WRAPPING_KEY_FILE": str(directory / "wrapping.key"),
        "OVERGANG_TOPIC_PREFIX": room.prefix,
        "OVERGANG_INBOUND_PARTITIONS": "2",
        "OVERGANG_BATCH_SIZE": "40",
        "OVERGANG_SESSION_TIMEOUT_MS": "6000",
        "OVERGANG_HTTP_PORT": str(ports["api"]),
        "OVERGANG_WORKER_PORT": str(ports["worker"]),
        "OVERGANG_DELIVER_PORT": str(ports["deliver"]),
        "GATEWAY": urls["api"],
        "WORKER": urls["worker"],
        "DELIVER": urls["deliver"],
        "TOKEN": issue(own_key(directory / "keys" / "token.key"), LOCAL, 3600, time.time()),
    }
    auth = of_this_machine(directory)
    try:
        with httpx.Client(timeout=10, trust_env=False, auth=auth) as client:
            gateway = Operated(room, processes, environment, urls, {}, client)
            for part in ports:
                gateway.start(part)
            for part in ports:
                until(lambda part=part: ready(gateway, part), 100)  # type: ignore[misc]
            yield gateway
    finally:
        processes.end_all()


def ready(gateway: Operated, part: str) -> bool:
    """Whether a process says that it is."""
    try:
        return gateway.client.get(f"{gateway.urls[part]}/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def load_with_faults(gateway: Operated) -> None:
    """A fortnight of a small population with repeats and rubbish; the worker is killed in its middle."""
    start = datetime.now(UTC).date() - timedelta(days=7 * WEEKS)
    events: list[dict[str, Any]] = list(simulate(PEOPLE, WEEKS, SEED, start))
    events += events[::7]
    half = len(events) // 2
    _send(gateway, events[:half])
    gateway.unreadable("enrolment", UNREADABLE)
    until(lambda: outcomes(gateway.room) > 0, 30)
    gateway.running["worker"].kill()
    _send(gateway, events[half:])
    gateway.unreadable("mentor", UNREADABLE)
    gateway.start("worker")
    until(lambda: ready(gateway, "worker"), 100)
    gateway.quiet()


def _send(gateway: Operated, events: list[dict[str, Any]]) -> None:
    file = gateway.room.directory / f"{uuid4().hex}.jsonl"
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events), encoding="utf-8")
    status, output = gateway.shell(f"overgang send {file} --url $GATEWAY")
    assert status == 0, output
    gateway.sent += len(events)


@contextmanager
def prometheus(gateway: Operated, directory: Path, rules: Path) -> Iterator[str]:
    """Address of a real Prometheus that scrapes the gateway's three processes every second."""
    targets = {part: url.removeprefix("http://") for part, url in gateway.urls.items()}
    jobs = [
        {
            "job_name": f"overgang-{part}",
            "static_configs": [{"targets": [target]}],
            **({"authorization": {"credentials": gateway.environment["TOKEN"]}} if part == "api" else {}),
        }
        for part, target in targets.items()
    ]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": jobs,
    }
    (directory / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (directory / "prometheus.log").open("w") as log:
        child = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:

        def scraped() -> bool:
            try:
                found = httpx.get(f"{url}/api/v1/query", params={"query": "sum(up)"}, trust_env=False).json()
            except (httpx.TransportError, ValueError):
                return False
            return bool(found["data"]["result"]) and found["data"]["result"][0]["value"][1] == "3"

        until(scraped, 30)
        yield url
    finally:
        child.terminate()
        child.wait(20)


def asked(url: str, query: str) -> list[dict[str, Any]]:
    """The result of an instant query; fails where Prometheus refuses it."""
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=20, trust_env=False).json()
    assert answer["status"] == "success", f"{query}: {answer.get('error')}"
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result
