"""One statement a table and batch: rows go over as one array a column."""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor
from psycopg.sql import SQL, Identifier


class BulkInsert:
    """`INSERT INTO table (columns) SELECT ... FROM unnest(arrays)`, rows in the order given.

    `columns` maps a column to its PostgreSQL type; `jsonb` columns take JSON text (unnest would flatten
    an array of arrays). `tail` is what follows the SELECT, such as an ON CONFLICT clause.
    """

    def __init__(self, table: str, columns: dict[str, str], tail: str = "") -> None:
        arrays = SQL(", ").join(
            SQL(f"%b::{'text' if kind == 'jsonb' else kind}[]") for kind in columns.values()
        )
        selected = SQL(", ").join(
            Identifier(name) + SQL("::jsonb") if kind == "jsonb" else Identifier(name)
            for name, kind in columns.items()
        )
        names = SQL(", ").join(map(Identifier, columns))
        self._statement = SQL(
            "INSERT INTO {table} ({names}) SELECT {selected} FROM unnest({arrays})"
            " WITH ORDINALITY AS given({names}, nth_row) ORDER BY nth_row {tail}"
        ).format(
            table=Identifier(table),
            names=names,
            selected=selected,
            arrays=arrays,
            tail=SQL(tail),
        )
        self._text = self._statement.as_string().encode()

    def run(self, cursor: Cursor[Any], rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert the rows; nothing is sent where there are none."""
        if rows:
            cursor.execute(self._text, [list(column) for column in zip(*rows, strict=True)])
