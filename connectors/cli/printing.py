"""How commands print: JSON, one value, with `--json`; else tables."""

import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Any

import orjson
import typer
from rich import box
from rich.console import Console
from rich.table import Table

_UNBOUND = 240

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_json(value: Any) -> None:
    """A value of dataclasses, lists and plain values as one JSON document."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.flush()


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with a line a row."""
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    # A file or a pipe has no width: eighty columns would fold ids.
    Console(highlight=False, width=None if sys.stdout.isatty() else _UNBOUND).print(table)


def print_fields(title: str, fields: dict[str, Any]) -> None:
    """A table of names and values."""
    print_table(title, ("field", "value"), fields.items())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone().isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value)
