"""Reading a dated code list from its CSV file, and refusing one that contradicts itself.

A row is a code, its name, the first and last day it holds, and its source. An empty `valid_to` means until
further notice. Rows of one code must not overlap.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources.abc import Traversable
from io import StringIO
from itertools import pairwise

from schemas.problems import OvergangError


class CodeListError(OvergangError):
    """A code list file is wrong; the text names file, line and mend."""


@dataclass(frozen=True, slots=True)
class CodeListFile:
    """How one file is laid out: which columns hold the code and the code it refers to, and their form."""

    name: str
    code_column: str
    code_form: str
    refers_column: str | None = None
    refers_form: str = ""

    @property
    def columns(self) -> set[str]:
        refers = {self.refers_column} if self.refers_column else set()
        return {self.code_column, "name", "valid_from", "valid_to", "source", *refers}


@dataclass(frozen=True, slots=True)
class DatedCode:
    """One row: `code` holds from `valid_from` to `valid_to`, both included. `refers_to` is "" where empty."""

    code: str
    name: str
    refers_to: str
    valid_from: date
    valid_to: date | None
    line: int

    def holds(self, on: date) -> bool:
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


CodeTable = Mapping[str, tuple[DatedCode, ...]]
"""Rows by code, in order of their dates."""


def read_code_list(directory: Traversable, file: CodeListFile) -> CodeTable:
    """The rows of a file by code. Raises CodeListError with file and line for the first fault."""
    try:
        text = directory.joinpath(file.name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CodeListError(
            f"{file.name}: cannot be read as UTF-8 text ({error}); restore the file"
        ) from error
    reader = csv.DictReader(StringIO(text), restkey="", strict=True)
    if set(reader.fieldnames or ()) != file.columns:
        raise fault(file.name, 1, f"must have the columns {', '.join(sorted(file.columns))}")
    table: dict[str, list[DatedCode]] = {}
    last_line = 1
    try:
        for row in reader:
            last_line = reader.line_num
            entry = _entry(file, row, last_line)
            table.setdefault(entry.code, []).append(entry)
    except csv.Error as error:
        raise fault(file.name, last_line + 1, f"is not CSV ({error}); close its quotes") from error
    return {code: _in_order(file, entries) for code, entries in table.items()}


def fault(name: str, line: int, mend: str) -> CodeListError:
    """The error for a line of a code list file."""
    return CodeListError(f"{name} line {line}: {mend}")


def _entry(file: CodeListFile, row: Mapping[str, str | None], line: int) -> DatedCode:
    if "" in row or None in row.values():
        raise fault(file.name, line, f"must have {len(file.columns)} fields, with commas in quotes")
    cells = {column: (text or "").strip() for column, text in row.items()}
    code = cells[file.code_column]
    if not re.fullmatch(file.code_form, code):
        raise fault(file.name, line, f"{file.code_column} must have the form {file.code_form}")
    refers_to = cells[file.refers_column] if file.refers_column else ""
    if not re.fullmatch(file.refers_form, refers_to):
        raise fault(file.name, line, f"{file.refers_column} must have the form {file.refers_form}")
    if not cells["source"]:
        raise fault(file.name, line, "source is empty; name where the row comes from")
    first = _day(file, line, "valid_from", cells["valid_from"])
    last = _day(file, line, "valid_to", cells["valid_to"]) if cells["valid_to"] else None
    if last is not None and last < first:
        raise fault(file.name, line, "valid_to lies before valid_from; swap them")
    return DatedCode(code, cells["name"], refers_to, first, last, line)


def _day(file: CodeListFile, line: int, column: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise fault(file.name, line, f"{column} is not a date; write YYYY-MM-DD") from None


def _in_order(file: CodeListFile, entries: Iterable[DatedCode]) -> tuple[DatedCode, ...]:
    rows = sorted(entries, key=lambda entry: entry.valid_from)
    for earlier, later in pairwise(rows):
        if earlier.valid_to is None or later.valid_from <= earlier.valid_to:
            raise fault(
                file.name,
                later.line,
                f"{later.code} already holds on {later.valid_from} by line {earlier.line}; "
                "end that row the day before",
            )
    return tuple(rows)
