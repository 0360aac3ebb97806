"""The rows of a CSV file as records of typed values, one at a time.

    with path.open("rb") as file:
        for row in CsvRows(file, shipped_table("eu-list")):
            row.record["citizen"]["family_name"]

The delimiter is `;` or `,`, whichever stands more often in the first line.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from connectors.csv_files.cells import CellFault, read_cell
from connectors.csv_files.columns import ColumnTable
from connectors.csv_files.problems import UnreadableCsv
from connectors.csv_files.text_lines import text_lines
from schemas.problems import Problem

_QUOTES = (
    "put a text with a delimiter, a line break or a quotation mark in quotation marks, and write each "
    "quotation mark within it twice"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is not blank. `line` is the line of the file on which it begins.

    `record` holds the values of the cells that are filled, nested by the paths of their columns. With any
    `problems` it is not whole; a problem's field is the column's name as it stands in the file.
    """

    line: int
    record: dict[str, Any]
    problems: tuple[Problem, ...] = ()


class CsvRows:
    """Rows of an opened file. Raises UnreadableCsv at once where the first line is not what it should be."""

    def __init__(
        self, file: BinaryIO, table: ColumnTable, advance: Callable[[int], None] = lambda _: None
    ) -> None:
        lines = text_lines(file, advance)
        first = next(lines, "")
        if not first.strip():
            empty = "the file is empty" if not first else "the first line is empty"
            raise UnreadableCsv(f"{empty}; its first line must name the columns")
        self.delimiter = ";" if first.count(";") > first.count(",") else ","
        self._reader = csv.reader(_after(first, lines), delimiter=self.delimiter, strict=True)
        try:
            header = next(self._reader)
        except csv.Error:
            raise UnreadableCsv(f"the first line is not CSV; {_QUOTES}") from None
        self._columns = table.match(header)
        self.names = {
            column.field: cell.strip()
            for column, cell in zip(self._columns, header, strict=True)
            if column is not None
        }
        """The columns of this file by the paths of their values, as its first line names them."""

    def __iter__(self) -> Iterator[Row]:
        """Raises UnreadableCsv where the file turns out to be no text."""
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error:
                last = self._reader.line_num
                where = f"is not CSV up to line {last}" if last > line else "is not CSV"
                yield Row(line, {}, (Problem("row", where, _QUOTES),))
                continue
            if any(cell.strip() for cell in cells):
                yield self._row(line, cells)

    def _row(self, line: int, cells: list[str]) -> Row:
        problems = []
        width = len(self._columns)
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            fault = f"has {len(cells)} cells, the first line has {width}"
            return Row(line, {}, (Problem("row", fault, f"fill or empty its last cells, and {_QUOTES}"),))
        record: dict[str, Any] = {}
        for column, cell in zip(self._columns, cells, strict=False):
            text = cell.strip()
            if not text:
                continue
            if column is None:
                problems.append(Problem("row", "has a cell without a column", "name its column, or empty it"))
                continue
            try:
                _put(record, column.field, read_cell(column.kind, text, column.choices))
            except CellFault as fault_of_cell:
                name = self.names[column.field]
                problems.append(Problem(name, fault_of_cell.problem, fault_of_cell.mend))
        return Row(line, record, tuple(problems))

    def told(self, problem: Problem) -> Problem:
        """A contract's problem with a record's value (`data.citizen.cpr`), told by the column."""
        path = problem.field.removeprefix("data.").split("[")[0]
        name = self.names.get(path) or self.names.get(f"envelope.{path}", path)
        return Problem(name, problem.problem, problem.mend)

    def not_told(self, told: Sequence[Problem], further: Iterable[Problem]) -> list[Problem]:
        """Of further problems of a row, told by column, those that do not follow from what is told already.

        Of a citizen whose number cannot be read it is not said again that nothing identifies them.
        """
        known = {problem.field for problem in told}
        faulty = [path for path, name in self.names.items() if name in known]
        known.update(path.split(".")[0] for path in faulty)
        return [problem for problem in further if problem.field not in known]


def _after(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _put(record: dict[str, Any], path: str, value: Any) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        record = record.setdefault(parent, {})
    record[name] = value
