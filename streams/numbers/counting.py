"""Counts and days by recipient, month and group, with how many people stand behind each."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

_ENOUGH_TO_KNOW: Final = 10


class Row(NamedTuple):
    """What a row is about. `month` is `2026-10`; `group` a task kind, else empty."""

    recipient: str
    month: str
    group: str = ""


class Observation(NamedTuple):
    """One thing counted once, of one person; `days` where it was measured."""

    report: str
    row: Row
    part: str
    person: str
    days: int | None = None


@dataclass(slots=True)
class Cell:
    """How many, of how many people (at most ten are told apart: nobody needs to know more), and the days."""

    count: int = 0
    people: set[str] = field(default_factory=set)
    days: Counter[int] = field(default_factory=Counter)

    def add(self, person: str, days: int | None) -> None:
        """Count one."""
        self.count += 1
        if len(self.people) < _ENOUGH_TO_KNOW:
            self.people.add(person)
        if days is not None:
            self.days[days] += 1


Cells = dict[str, Cell]
"""The cells of a row by part."""


class Counted:
    """All cells, by report and row."""

    def __init__(self) -> None:
        self._cells: dict[str, dict[Row, Cells]] = defaultdict(lambda: defaultdict(lambda: defaultdict(Cell)))

    def add(self, observations: Iterable[Observation]) -> None:
        """Count these."""
        for report, row, part, person, days in observations:
            self._cells[report][row][part].add(person, days)

    def rows(self, report: str) -> list[tuple[Row, Cells]]:
        """The rows of a report, sorted; one of which nothing was counted is not there."""
        return sorted(self._cells[report].items()) if report in self._cells else []


def together(cells: Iterable[Cell]) -> Cell:
    """Several cells as one; of people who stand in two of them it counts at most ten."""
    found = Cell()
    for cell in cells:
        found.count += cell.count
        found.people |= cell.people
        found.days += cell.days
    return found
