"""Which columns a flow's CSV file may have: data, one TOML file a flow in `tables/`.

A table may include another (`citizen`, `contact`): `at` is where its values belong, `prefix` and `danish`
come before its names.

A column has an English name in snake_case and Danish ones; either may stand in the file, in any case, with
spaces, underscores, hyphens or full stops between its words.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Final

from connectors.csv_files.cells import KINDS
from connectors.csv_files.problems import UnreadableCsv
from schemas.identifiers import Flow

_BETWEEN_WORDS: Final = re.compile(r"[\s_.-]+")
_SHOWN: Final = re.compile(r"[^\W\d_][\w .-]{0,39}")
_DIGITS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `field` is the path of its value in a row's record, `kind` one of `cells.KINDS`.

    `choices`, of the kinds `choice` and `choices`, are the values by what may be written for them. `meaning`
    and `example` are for people.
    """

    name: str
    danish: tuple[str, ...]
    field: str
    kind: str
    required: bool
    meaning: str
    example: str
    choices: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ColumnTable:
    """The columns of one kind of file, in the order in which they are told."""

    columns: tuple[Column, ...]

    def match(self, header: list[str]) -> list[Column | None]:
        """The column of each cell of a file's first line, None of a blank cell.

        Raises UnreadableCsv: a name is unknown or stands twice, or an obligatory column is missing.
        """
        known = {
            normal(written): (column, written)
            for column in self.columns
            for written in (column.name, *column.danish)
        }
        found = [known.get(normal(cell)) for cell in header]
        if not any(found):
            raise UnreadableCsv(
                "the first line names no known column; write the names of the columns there, "
                f"such as {', '.join(column.danish[0] for column in self.columns if column.required)}"
            )
        unknown = [cell for cell, match in zip(header, found, strict=True) if cell.strip() and not match]
        if unknown:
            raise UnreadableCsv("; ".join(_unknown(cell, known) for cell in unknown))
        columns = [match[0] if match else None for match in found]
        for column in self.columns:
            if columns.count(column) > 1:
                raise UnreadableCsv(f"the column {column.name} stands twice; take one away")
        missing = [column for column in self.columns if column.required and column not in columns]
        if missing:
            told = ", ".join(f"{column.danish[0]} ({column.name})" for column in missing)
            raise UnreadableCsv(f"a column is missing: {told}; add it, with its name in the first line")
        return columns


def _unknown(cell: str, known: Mapping[str, tuple[Column, str]]) -> str:
    # The first line may be a row of data: what could be a person's is not repeated.
    shown = _SHOWN.fullmatch(cell.strip()) and sum(map(str.isdigit, cell)) <= _DIGITS_SHOWN
    name = f"the column {cell.strip()!r}" if shown else "a column, whose name is not repeated here,"
    close = get_close_matches(normal(cell), known, n=1)
    mend = f"did you mean {known[close[0]][1]}?" if close else "take it away, or correct its name"
    return f"{name} is unknown; {mend}"


def normal(name: str) -> str:
    """A name as it is compared: lower case, one space between words."""
    return _BETWEEN_WORDS.sub(" ", unicodedata.normalize("NFC", name).casefold()).strip()


@cache
def shipped_table(name: str) -> ColumnTable:
    """The table `tables/<name>.toml`."""
    text = (files("connectors.csv_files") / "tables" / f"{name}.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    included = (column for include in content.get("include", ()) for column in _included(include))
    return ColumnTable((*included, *map(_column, content["column"])))


@cache
def flow_table(flow: Flow) -> ColumnTable:
    """The columns of a flow's own files: those of the message, under `envelope`, and those of its data."""
    return ColumnTable((*shipped_table("message").columns, *shipped_table(flow).columns))


def _included(include: dict[str, Any]) -> Iterator[Column]:
    prefix, danish, at = (include.get(name, "") for name in ("prefix", "danish", "at"))
    for column in shipped_table(include["table"]).columns:
        name = prefix + column.name
        yield replace(
            column,
            name=name,
            danish=tuple(f"{danish} {word}".lstrip() for word in column.danish),
            field=f"{at}.{column.field}" if at else column.field,
            required=column.required or name in include.get("required", ()),
        )


def _column(row: dict[str, Any]) -> Column:
    choices = {written.lower(): value for value, all_ in row.get("choices", {}).items() for written in all_}
    choices |= {value.lower(): value for value in row.get("choices", {})}
    column = Column(
        name=row["name"],
        danish=tuple(row["danish"]),
        field=row["field"],
        kind=row["kind"],
        required=row.get("required", False),
        meaning=row["meaning"],
        example=row["example"],
        choices=choices,
    )
    assert column.kind in KINDS, f"{column.name}: there is no kind {column.kind}"
    return column
