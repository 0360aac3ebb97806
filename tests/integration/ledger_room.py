"""What tests of the ledger share: a migrated database, checked messages, batches of them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from connectors.settings import Settings
from schemas import code_lists
from schemas.cloudevent import from_structured
from schemas.flows.registry import FLOWS
from schemas.message import Message
from schemas.problems import InvalidMessage
from schemas.pseudonym import PseudonymKey
from streams.batch import Batch, Input
from streams.ledger.deciding import Rulebook
from streams.ledger.ledger import Ledger
from streams.ledger.migrate import migrate
from streams.ledger.sealing import Seal
from streams.rules import rule_files

KEY = PseudonymKey(bytes(range(32)))
WRAPPING = bytes(range(32, 64))
LISTS = code_lists.shipped()
NOW = datetime(2026, 10, 2, 10, tzinfo=UTC)
ALMA = {
    "cpr": "7405034123",
    "family_name": "Testesen",
    "forename": "Alma",
    "residence_municipality": "751",
}


def settings_of_a_ledger(monkeypatch: pytest.MonkeyPatch, directory: Path, database_url: str) -> None:
    """Environment of commands on the ledger that `ledger_on` opens, with its key in the directory."""
    monkeypatch.setenv("OVERGANG_DATA_DIRECTORY", str(directory))
    monkeypatch.setenv("OVERGANG_DATABASE_URL", database_url)
    key_file = Settings().wrapping_key_file
    key_file.parent.mkdir(mode=0o700, parents=True)
    key_file.touch(mode=0o600)
    key_file.write_text(WRAPPING.hex())


@contextmanager
def ledger_on(database_url: str) -> Iterator[Ledger]:
    """An open ledger on a migrated database."""
    migrate(database_url)
    with Ledger(database_url, Seal(WRAPPING), Rulebook(rule_files.shipped(), LISTS)) as ledger:
        yield ledger


def event(flow: str, source: str, time: str, data: dict[str, Any], id_: str | None = None) -> dict[str, Any]:
    """A structured CloudEvent as its sender writes it."""
    return {
        "specversion": "1.0",
        "id": id_ or str(uuid4()),
        "source": source,
        "type": f"dk.overgang.{flow}.v1",
        "time": time,
        "data": data,
    }


def checked(given: dict[str, Any], now: datetime = NOW) -> Message:
    """The message that the API would make of the event."""
    return from_structured(json.dumps(given).encode(), KEY, LISTS, now)


class Partition:
    """Makes consecutive batches of one partition, as intake does."""

    def __init__(self, flow: str = "enrolment", partition: int = 0, topic_id: UUID | None = None) -> None:
        self.flow = FLOWS[flow].flow  # type: ignore[index]
        self.topic_id = topic_id or uuid4()
        self.partition = partition
        self.next = 0

    def batch(self, decoded: Sequence[Message | InvalidMessage]) -> Batch:
        after, self.next = self.next, self.next + len(decoded)
        inputs = tuple(Input(after + n, None, (), b"bytes as they came") for n in range(len(decoded)))
        return Batch(
            f"inbound.{self.flow}.v1",
            self.topic_id,
            self.flow,
            self.partition,
            1,
            after,
            self.next,
            inputs,
        )


def take(ledger: Ledger, partition: Partition, events: Iterable[dict[str, Any]], now: datetime = NOW) -> Any:
    """Apply the events as one batch."""
    decoded = [checked(given, now) for given in events]
    return ledger.apply(partition.batch(decoded), decoded, now)


def rows(database_url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of a query, on a connection of its own."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(statement.encode(), values).fetchall()


def status(municipality: str, valid_from: str, time: str | None = None, **more: Any) -> dict[str, Any]:
    return event(
        "citizen-status",
        f"/municipality/{municipality}",
        time or f"{valid_from}T10:00:00+02:00",
        {"citizen": ALMA, "responsible": True, "valid_from": valid_from, **more},
    )


def admission(**more: Any) -> dict[str, Any]:
    return event(
        "enrolment",
        "/institution/280051",
        "2026-09-21T10:00:00+02:00",
        {
            "citizen": {k: v for k, v in ALMA.items() if k != "residence_municipality"},
            "enrolment_id": "E1",
            "event": "ADMITTED",
            "education": {"code": "3017", "qualifies": "VOCATIONAL"},
            "admitted_on": "2026-09-21",
            "study_start_on": "2026-09-28",
            **more,
        },
    )


def notice(time: str = "2026-10-01T10:00:00+02:00", **more: Any) -> dict[str, Any]:
    return event(
        "dropout-risk",
        "/institution/280051",
        time,
        {
            "citizen": {"cpr": ALMA["cpr"]},
            "enrolment_id": "E1",
            "event": "RAISED",
            "observed_on": "2026-10-01",
            "reasons": ["ABSENCE"],
            **more,
        },
    )


def contacted(time: str = "2026-10-02T09:00:00+02:00", **more: Any) -> dict[str, Any]:
    return event(
        "follow-up",
        "/municipality/751",
        time,
        {"citizen": {"cpr": ALMA["cpr"]}, "event": "CONTACTED", "on": "2026-10-02", "form": "PHONE", **more},
    )


def contents(url: str) -> dict[tuple[str, str], list[Any]]:
    """Every row of every table as text."""
    tables = rows(
        url, "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'keyring')"
    )
    assert len(tables) > 10
    with psycopg.connect(url) as connection:
        return {
            (schema, table): connection.execute(
                SQL("SELECT t::text FROM {}.{} t ORDER BY 1").format(Identifier(schema), Identifier(table))
            ).fetchall()
            for schema, table in tables
        }
