"""What tests of the mailbox share: a served API on a ledger whose relay is real, and readers of mailboxes."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from connectors.access.own_token import OwnToken
from schemas.identifiers import PartyAddress
from schemas.outbound import RECEIPT_TYPE, outbound_schema
from schemas.wire import encode
from streams.registry import LOCAL, SystemId
from tests.integration.api_server import TOKEN_KEY, until
from tests.integration.ledger_room import ledger_on
from tests.integration.relay_room import SCHOOL, RelayRoom, new_relay, relay_room

__all__ = ["MailboxRoom", "mailbox_room", "relay_room", "said"]


def receipt_saying(text: str) -> bytes:
    """A message to a recipient as it lies, unsealed, in the ledger."""
    record = {"outcome": "ACCEPTED", "warnings": [], "recipients": [], "reasons": [text]}
    return encode(outbound_schema(RECEIPT_TYPE), {"message_id": str(uuid4()), **record})


def said(events: list[dict[str, Any]]) -> list[str]:
    return [event["data"]["reasons"][0] for event in events]


class MailboxRoom:
    """A database with a relay at its side; `tell` writes messages, `poll` waits at an API's mailbox."""

    def __init__(self, relays: RelayRoom) -> None:
        self.relays = relays
        self.database_url = relays.database_url
        self._threads = ThreadPoolExecutor(40)

    def tell(self, *texts: str, to: PartyAddress = SCHOOL, on: psycopg.Connection | None = None) -> None:
        self.relays.write(to, *(receipt_saying(text) for text in texts), on=on)

    def number(self) -> None:
        """As the relay does, in a moment when it leads."""
        room = self.relays
        with ledger_on(room.database_url) as ledger:
            relay = new_relay(room.bootstrap, room.database_url, room.prefix, ledger.vault.open)
            with room.running(relay):
                room.all_out()

    def poll(self, api: httpx.Client, system: SystemId = LOCAL, **query: Any) -> "Future[httpx.Response]":
        """A request on a connection of its own."""
        asked = {"party": SCHOOL, "after": 0, "wait": 30} | query

        def ask() -> httpx.Response:
            with client_of(api, system) as own:
                return own.get("/v1/mailbox", params=asked)

        return self._threads.submit(ask)

    def bells(self) -> int:
        """How many connections listen for new messages."""
        with psycopg.connect(self.database_url) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'overgang mailbox bell'"
            ).fetchone()
        return int(found[0]) if found else 0


def metric(api: httpx.Client, name: str) -> float | None:
    """The value of a line of the API's metrics, None where there is no such line."""
    lines = api.get("/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), None)


def until_waiting(api: httpx.Client, count: int) -> None:
    until(lambda: metric(api, "overgang_mailbox_waiting") == count, 10)


@contextmanager
def client_of(api: httpx.Client, system: SystemId) -> Iterator[httpx.Client]:
    auth = OwnToken(TOKEN_KEY, system)
    with httpx.Client(base_url=api.base_url, timeout=60, trust_env=False, auth=auth) as own:
        yield own


@pytest.fixture
def mailbox_room(relay_room: RelayRoom) -> MailboxRoom:
    return MailboxRoom(relay_room)
