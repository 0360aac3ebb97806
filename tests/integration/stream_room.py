"""What tests of the stream share: real workers in threads, messages on real topics, looks at the ledger."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.cloudevent import to_kafka
from schemas.identifiers import Flow
from schemas.pseudonym import load_or_make_key
from streams.app import Worker
from streams.broker_access import Login, client_settings
from streams.ledger.migrate import migrate
from streams.topics import ensure_topics, inbound_shape
from streams.worker_config import WorkerConfig
from tests.integration import ledger_room

STARTED = 40.0
STOPPED = 20.0


class WorkerThread:
    """A worker with an event loop of its own; `failure` is what it stopped for, None where it was told to."""

    def __init__(self, config: WorkerConfig, change: Callable[[Worker], None] = lambda _: None) -> None:
        self._config = config
        self._change = change
        self._made = threading.Event()
        self.ended = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        self.worker = Worker(self._config)
        self._change(self.worker)
        await self._loop.run_in_executor(None, self.worker.prepare)
        await self.worker.app.start()
        self._made.set()
        waits = [
            asyncio.ensure_future(self._told.wait()),
            asyncio.ensure_future(self.worker.app.wait_until_stopped()),
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        waits[0].cancel()
        await self.worker.app.stop()
        self.failure = self.worker.app.crash_reason
        self.worker.close()
        self.ended.set()

    def start(self) -> "WorkerThread":
        self._thread.start()
        assert self._made.wait(STARTED), "the worker did not start"
        return self

    def stop(self) -> None:
        if not self.ended.is_set():
            self._loop.call_soon_threadsafe(self._told.set)
        assert self.ended.wait(STOPPED), "the worker did not stop"
        self._thread.join(STOPPED)


@dataclass
class StreamRoom:
    """One broker, database and set of topics for a test, with one partition a topic unless told otherwise."""

    bootstrap: str
    database_url: str
    prefix: str
    directory: Path
    wait_until: Callable[..., None]
    partitions: int = 1
    login: Login | None = None
    replicas: int = 1
    _people: int = 0
    _running: list[WorkerThread] = field(default_factory=list)

    def __post_init__(self) -> None:
        migrate(self.database_url)
        self.key = load_or_make_key(self.directory / "pseudonym.key")
        self.admin = AdminClient(client_settings(self.bootstrap, self.login))
        self.make_topics()

    def make_topics(self) -> None:
        ensure_topics(
            self.admin,
            self.config().topics(),
            inbound_shape(self.partitions, replication_factor=self.replicas),
            replication_factor=self.replicas,
        )

    def config(self, **more: Any) -> WorkerConfig:
        settings: dict[str, Any] = {
            "bootstrap": self.bootstrap,
            "database_url": self.database_url,
            "data_directory": self.directory,
            "pseudonym_key_file": self.directory / "pseudonym.key",
            "wrapping_key_file": self.directory / "wrapping.key",
            "seal_keys_file": self.directory / "keys" / "seal.keys",
            "login": self.login,
            "topic_prefix": self.prefix,
            "inbound_partitions": self.partitions,
            "session_timeout_ms": 6_000,
            "heartbeat_interval_ms": 500,
            "max_poll_interval_ms": 60_000,
        }
        return WorkerConfig(**(settings | more))

    @contextmanager
    def worker(
        self, change: Callable[[Worker], None] = lambda _: None, *, ready: bool = True, **more: Any
    ) -> Iterator[WorkerThread]:
        """A running worker, ready to work; it ends with the block."""
        running = WorkerThread(self.config(**more), change).start()
        try:
            if ready:
                self.wait_until(
                    lambda: running.worker.reasons() == [], STARTED, f"ready: {running.worker.reasons()}"
                )
            yield running
        finally:
            running.stop()

    def topic(self, flow: str) -> str:
        return self.prefix + f"inbound.{flow}.v1"

    def admissions(self, count: int) -> list[dict[str, Any]]:
        """Admissions of that many people, no two alike."""
        return [
            ledger_room.admission(
                citizen={"cpr": replacement_cpr(n), "family_name": "Testesen"},
                enrolment_id=f"E{n}",
            )
            for n in self._numbers(count)
        ]

    def forms(self, count: int) -> list[dict[str, Any]]:
        """Choices of a conversation form: facts of another flow that open no task."""
        return [
            ledger_room.event(
                "conversation-form",
                "/municipality/751",
                "2026-10-01T10:00:00+02:00",
                {
                    "citizen": {"cpr": replacement_cpr(n)},
                    "event": "CHOSEN",
                    "form": "PHONE",
                    "on": "2026-10-01",
                },
            )
            for n in self._numbers(count)
        ]

    def _numbers(self, count: int) -> range:
        first, self._people = self._people, self._people + count
        return range(first, self._people)

    def send(
        self, events: Iterable[dict[str, Any]], producer: Producer | None = None, partition: int = 0
    ) -> None:
        """Put events on their flows' topics as the API would; returns when they are there."""
        producer = producer or Producer(client_settings(self.bootstrap, self.login))
        for event in events:
            message = ledger_room.checked(event)
            key, headers, value = to_kafka(message)
            producer.produce(
                self.topic(message.envelope.flow), key=key, headers=headers, value=value, partition=partition
            )
        assert producer.flush(20) == 0

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def inbox(self, flow: str = "enrolment") -> int:
        """Messages of the flow that were accepted."""
        return int(self.rows("SELECT count(*) FROM inbox WHERE flow = %s", flow)[0][0])

    def duplicates(self) -> int:
        return int(self.rows("SELECT coalesce(sum(duplicates), 0) FROM inbox")[0][0])

    def position(self, flow: str = "enrolment", partition: int = 0) -> int | None:
        found = self.rows(
            "SELECT next FROM positions WHERE topic = %s AND partition = %s ORDER BY read_since DESC",
            self.topic(flow),
            partition,
        )
        return int(found[0][0]) if found else None

    def stopped(self) -> dict[Flow, str]:
        return dict(
            self.rows("SELECT flow, stopped_because FROM flows WHERE stopped_at IS NOT NULL")  # type: ignore[arg-type]
        )


def replacement_cpr(n: int) -> str:
    """Replacement number of person n < 72,000: all born in 2003 (7th digit 4 to 9), all different."""
    return f"74{1 + n // 6_000:02}03{4_000 + n % 6_000}"


def read_topic(bootstrap: str, topic: str, count: int) -> list[Message]:
    """The first `count` records of a one-partition topic, less aborted ones; fails when they do not come."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        found: list[Message] = []
        while len(found) < count:
            came = consumer.consume(count - len(found), 20)
            assert came, f"{len(found)} of {count} records on {topic}"
            assert all(message.error() is None for message in came), came
            found += came
        return found
    finally:
        consumer.close()


@pytest.fixture
def room(
    kafka: str, database_url: str, topic_prefix: str, tmp_path: Path, wait_until: Callable[..., None]
) -> StreamRoom:
    return StreamRoom(kafka, database_url, topic_prefix, tmp_path, wait_until)
