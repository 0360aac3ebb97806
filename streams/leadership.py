"""One leader at a time, by an advisory lock that lives exactly as long as its database connection."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

RELAY = 7_301_001
COUNTING = 7_301_011
"""Of whom there is one at a time."""
_ASK_EVERY = 1.0

_KEEPALIVE = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
"""A leader that the network has cut off finds out within about ten seconds."""


@contextmanager
def leadership(
    database_url: str,
    stopping: threading.Event,
    waiting: Callable[[], None],
    lock: int = RELAY,
    name: str = "overgang relay",
) -> Iterator[psycopg.Connection | None]:
    """Wait for the lead; give the connection that holds it, or None when `stopping` was set first.

    Whoever leads runs every statement on this connection: when it is gone, so is the lead, and a statement
    fails. `waiting` is called at every try; `name` is what the database knows the connection by.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    with psycopg.connect(
        database_url,
        autocommit=True,
        application_name=name,
        **_KEEPALIVE,  # type: ignore[arg-type] # psycopg types them as one
    ) as connection:
        while not stopping.is_set():
            waiting()
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (lock,)).fetchone()
            if row is not None and row[0]:
                yield connection
                return
            stopping.wait(_ASK_EVERY)
        yield None
