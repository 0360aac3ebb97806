"""What tests of the relay share: outbound rows, relays with their own event loop, and what the topics got."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import Message

from schemas.identifiers import PartyAddress
from schemas.outbound import outbound_topic
from streams.health import Health
from streams.ledger import outbound
from streams.ledger.migrate import migrate
from streams.ledger.sealing import Seal
from streams.metrics import Metrics
from streams.publisher import Open, Publisher, producer_settings
from streams.relay import Relay
from streams.topics import ensure_topics, outbound_shape
from tests.integration.stream_room import read_topic

SEAL = Seal(bytes(range(32, 64)))
CONTEXT = b"gateway"
SCHOOL = PartyAddress("/institution/280051")
AARHUS = PartyAddress("/municipality/751")
WHEN = datetime(2026, 10, 2, 10, tzinfo=UTC)


@dataclass
class RelayRoom:
    """A migrated database and topics of the test's own."""

    bootstrap: str
    database_url: str
    prefix: str
    wait_until: Callable[..., None]

    def __post_init__(self) -> None:
        migrate(self.database_url)

    def write(
        self, recipient: PartyAddress, *values: bytes, on: psycopg.Connection | None = None
    ) -> list[str]:
        """Outbound rows as the ledger writes them; returns their message ids."""
        ids = [str(uuid4()) for _ in values]
        with psycopg.connect(self.database_url) as own:
            connection = on or own
            for id_, value in zip(ids, values, strict=True):
                connection.execute(
                    "INSERT INTO outbound (recipient, source, message_id, type, time, attributes, payload,"
                    " written_at) VALUES (%s, '/gateway', %s, 'dk.overgang.task.v1', %s,"
                    """ '{"subject": "pseudonym", "correlationid": "c-1"}', %s, now())""",
                    (recipient, id_, WHEN, SEAL.seal(value, CONTEXT)),
                )
            connection.execute("NOTIFY outbound")
        return ids

    def relay(self) -> Relay:
        return new_relay(self.bootstrap, self.database_url, self.prefix)

    @contextmanager
    def running(self, relay: Relay | None = None) -> Iterator[Relay]:
        """A relay that runs while the block does."""
        relay = relay or self.relay()
        told, ended = threading.Event(), threading.Event()

        async def run() -> None:
            await relay.start()
            await asyncio.get_running_loop().run_in_executor(None, told.wait)
            await relay.stop()
            ended.set()

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            told.set()
            assert ended.wait(10), "the relay did not stop"
            thread.join(10)

    def unpublished(self) -> int:
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM outbound WHERE published_at IS NULL AND undeliverable_at IS NULL"
            ).fetchone()
            assert row is not None
            return int(row[0])

    def all_out(self) -> None:
        self.wait_until(lambda: self.unpublished() == 0, what="every row published or undeliverable")

    def got(self, recipient: PartyAddress, count: int) -> list[Message]:
        return read_topic(self.bootstrap, self.prefix + outbound_topic(recipient), count)


def own_payload(_: str | None, payload: bytes) -> bytes:
    """Opens what `write` has sealed."""
    return SEAL.open(payload, CONTEXT)


def new_relay(bootstrap: str, database_url: str, prefix: str, open_payload: Open = own_payload) -> Relay:
    """A relay as the worker builds it, with the tests' wrapping key."""
    return Relay(
        database_url=database_url,
        new_publisher=lambda: Publisher(
            producer_settings(bootstrap),
            prefix,
            open_payload,
            lambda names: ensure_topics(bootstrap, names, outbound_shape()),
        ),
        health=Health(),
        metrics=Metrics(),
    )


def attribute(message: Message, name: str) -> str:
    return dict(message.headers() or [])[f"ce_{name}"].decode()


def sequences(messages: list[Message]) -> list[int]:
    return [int(attribute(message, "sequence")) for message in messages]


def leads(relay: Relay) -> bool:
    return bool(relay._metrics.relay_leader._value.get())


@pytest.fixture
def relay_room(
    kafka: str, database_url: str, topic_prefix: str, wait_until: Callable[..., None]
) -> RelayRoom:
    return RelayRoom(kafka, database_url, topic_prefix, wait_until)


def kill_point() -> None:
    """Run in a process of its own: a relay that stops dead between the acknowledgement and the mark."""

    def stand_still(_connection: psycopg.Connection, rows: list[int]) -> None:
        sys.stdout.write(f"acknowledged {len(rows)}\n")
        sys.stdout.flush()
        threading.Event().wait()

    outbound.mark_published = stand_still  # type: ignore[assignment]
    relay = new_relay(*sys.argv[1:4])

    async def run() -> None:
        await relay.start()
        await asyncio.Event().wait()

    asyncio.run(run())
