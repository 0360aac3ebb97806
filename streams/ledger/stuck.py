"""Cases that could not be decided, given back to the deadlines once the fault is mended."""

from typing import Any

from psycopg import Cursor


def retry(cursor: Cursor[Any]) -> int:
    """Make every stuck case due now; return how many. It stays marked until a decision succeeds."""
    cursor.execute(
        "UPDATE cases SET next_change = now() WHERE key IN"
        " (SELECT key FROM cases WHERE stuck_at IS NOT NULL ORDER BY key FOR UPDATE)"
    )
    return cursor.rowcount
