"""The trail of audit: a change of who may do what and its line are one transaction, one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, text

from streams.ledger.tables import audit

CHANGE_LOCK = 7_301_002
"""Advisory lock of the change in hand."""


@contextmanager
def audited_change(engine: Engine) -> Iterator[Connection]:
    """A transaction that `note`s what it changes.

    One at a time, so that the numbers of audit become visible in order: they are the registry's version.
    """
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CHANGE_LOCK})
        yield connection


def note(
    connection: Connection, now: datetime, actor: str, action: str, what: str, detail: dict[str, Any]
) -> None:
    """Write the line of audit of a change; `detail` without what is None."""
    told = {name: _plain(value) for name, value in detail.items() if value is not None}
    line = {"at": now, "actor": actor, "action": action, "object": what, "detail": told}
    connection.execute(insert(audit).values(line))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
