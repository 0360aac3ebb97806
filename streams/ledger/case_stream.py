"""Every case of a ledger, one after the other, as at one instant: for those who judge all anew.

Reads only. All readers of one `snapshot` see the same ledger, also from several processes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.sql import SQL, Literal

from schemas.identifiers import CaseKey
from streams.facts import Fact, fact_of
from streams.ledger.cases import stored_message
from streams.ledger.sealing import Seal

_PAGE: Final = 500
_SLICES: Final = 1024

_SNAPSHOT: Final = (
    "SELECT pg_export_snapshot(), (SELECT count(*) FROM cases WHERE merged_into IS NULL),"
    " (SELECT count(*) FROM facts)"
)
_CASES: Final = (
    "SELECT c.key, c.decided_at, c.stuck_at IS NOT NULL, c.rules_digest, k.wrapped"
    " FROM cases c LEFT JOIN keyring.case_keys k ON k.case_key = c.key"
    " WHERE c.merged_into IS NULL AND (hashtext(c.key) & %(slices)s - 1) %% %(of)s = %(n)s ORDER BY c.key"
)
_FACTS: Final = (
    "SELECT case_key, source, id, flow, time, attributes, payload FROM facts WHERE case_key = ANY(%b)"
)


class Share(NamedTuple):
    """The n-th of `of` parts of all cases, chosen by their keys; at most 1,024 parts."""

    n: int
    of: int


ALL: Final = Share(0, 1)


@dataclass(frozen=True, slots=True)
class StreamedCase:
    """A case with its facts. `facts` is None where the case's key was destroyed: nobody can read them.

    `decided_at` is the `as_of` of the last decision, made with rules and code lists of `rules_digest`.
    """

    key: CaseKey
    decided_at: datetime | None
    stuck: bool
    rules_digest: str | None
    facts: list[Fact] | None


class Snapshot(NamedTuple):
    """What a ledger is at one instant, as long as the connection that gave it is open."""

    name: str
    cases: int
    messages: int


@contextmanager
def snapshot(database_url: str) -> Iterator[Snapshot]:
    """Keep one view of the ledger open. Raises psycopg.Error."""
    with _reading(database_url) as connection:
        row = connection.execute(_SNAPSHOT).fetchone()
        assert row is not None, "a SELECT without FROM gives one row"
        yield Snapshot(*row)


@contextmanager
def reading_at(database_url: str, view: Snapshot) -> Iterator[Connection[Any]]:
    """A connection that can only read and sees the ledger as the snapshot does. Raises psycopg.Error."""
    with _reading(database_url) as connection:
        connection.execute(SQL("SET TRANSACTION SNAPSHOT {}").format(Literal(view.name)))
        yield connection


def stored_cases(connection: Connection[Any], wrapping: Seal, share: Share = ALL) -> Iterator[StreamedCase]:
    """The cases of a share in the order of their keys, at most 500 in memory at once.

    Raises:
        CannotOpen: the wrapping key is not that of this ledger. psycopg.Error
    """
    with connection.cursor("cases_of_share", binary=True) as cursor:
        cursor.itersize = _PAGE
        cursor.execute(_CASES, {"slices": _SLICES, "of": share.of, "n": share.n})
        while page := cursor.fetchmany(_PAGE):
            seals = {key: Seal(wrapping.open(wrapped, key.encode())) for key, *_, wrapped in page if wrapped}
            facts = _facts(connection, seals)
            for key, decided_at, stuck, digest, _ in page:
                yield StreamedCase(key, decided_at, stuck, digest, facts.get(key))


def _facts(connection: Connection[Any], seals: dict[CaseKey, Seal]) -> dict[CaseKey, list[Fact]]:
    found: dict[CaseKey, list[Fact]] = {key: [] for key in seals}
    with connection.cursor(binary=True) as cursor:
        for key, source, id_, flow, time, attributes, payload in cursor.execute(_FACTS, (list(seals),)):
            message = stored_message(key, source, id_, flow, time, attributes, payload, seals[key])
            found[key].append(fact_of(message))
    return found


@contextmanager
def _reading(database_url: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(database_url, application_name="overgang", connect_timeout=5) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection
