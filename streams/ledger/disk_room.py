"""Whether PostgreSQL still has room to write: asked by a write that leaves nothing behind.

No view of the server tells the free space of its disk. A result too large for memory goes into a temporary
file on the disk of the data directory, without WAL and without a lock, and is gone with the transaction: it
fails with SQLSTATE 53100 where there is no room, as every write would.
"""

from typing import Any, Final

from psycopg import Connection
from psycopg.errors import DiskFull

ROOM_BYTES: Final = 16 << 20
"""A segment of WAL: a server that cannot make the next one stops."""
_ROW: Final = 8_000


def disk_is_full(connection: Connection[Any]) -> bool:
    """Whether `ROOM_BYTES` cannot be written. Raises psycopg.Error: the database is away."""
    try:
        with connection.transaction():
            connection.execute("SET LOCAL work_mem = '64kB'")
            connection.execute(
                "WITH written AS MATERIALIZED (SELECT repeat('x', %s) AS bytes FROM generate_series(1, %s))"
                " SELECT count(bytes) FROM written",
                (_ROW, ROOM_BYTES // _ROW),
            )
    except DiskFull:
        return True
    return False
