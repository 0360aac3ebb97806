"""Cases that could not be decided, given back to the deadlines once the fault is mended."""

from typing import Any, cast

from psycopg import Cursor


def retry(cursor: Cursor[Any]) -> int:
    """Make every stuck case due now; return how many. It stays marked until a decision succeeds."""
    cursor.execute(
        "UPDATE cases SET next_change = now() WHERE key IN"
        " (SELECT key FROM cases WHERE stuck_at IS NOT NULL ORDER BY key FOR UPDATE)"
    )
    return cursor.rowcount


def count(cursor: Cursor[Any]) -> int:
    """How many cases are stuck now."""
    cursor.execute("SELECT count(*) FROM cases WHERE stuck_at IS NOT NULL")
    return int(cast(tuple[int], cursor.fetchone())[0])
