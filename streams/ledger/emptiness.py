"""Whether a database may be filled: nothing is ever overwritten."""

from typing import Final

import psycopg

_RELATIONS: Final = (
    "SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
    " WHERE relkind IN ('r', 'p', 'v')"
    " AND nspname NOT LIKE 'pg_%' AND nspname <> 'information_schema'"
)


def is_empty(database_url: str) -> bool:
    """Whether the database holds no table and no view of anybody's. Raises psycopg.Error."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        return connection.execute(_RELATIONS).fetchone() == (0,)
