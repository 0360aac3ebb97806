"""Whether this machine and the database's agree what time it is."""

from collections.abc import Callable

import psycopg

_NOW = "SELECT extract(epoch FROM clock_timestamp())"


def clock_ahead(database_url: str, clock: Callable[[], float]) -> float:
    """Seconds by which the database's clock is ahead of ours, as far as the answer's way lets one tell.

    Raises psycopg.Error.
    """
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        asked = clock()
        row = connection.execute(_NOW).fetchone()
        answered = clock()
    assert row is not None, "a SELECT without FROM gives one row"
    theirs = float(row[0])
    # Between question and answer any time may be theirs.
    return theirs - min(max(theirs, asked), answered)
