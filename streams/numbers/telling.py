"""From counts to what may be told: rows of numbers in which small groups are hidden."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.numbers.counting import Cell, Cells, Counted, together
from streams.numbers.definitions import REPORTS, Measured, Report
from streams.numbers.hiding import FEWEST, FEWEST_FOR_A_TAIL, few, hidden_parts
from streams.numbers.measures import median_interval, percentile, share_interval

HIDDEN = None
"""A number that is not told. It is not 0."""


@dataclass(frozen=True, slots=True)
class Told:
    """One row: what it is about, and its numbers by column; None is hidden or does not exist."""

    recipient: str
    month: str
    group: str
    numbers: Mapping[str, float | int | None]


def told(report: Report, counted: Counted) -> Iterator[Told]:
    """The rows of a report as they may be printed."""
    for row, cells in counted.rows(report.name):
        yield Told(row.recipient, row.month, row.group, _numbers(report, cells))


def _numbers(report: Report, cells: Cells) -> dict[str, Any]:
    known = {part: cells.get(part, Cell()) for part in report.parts}
    hidden = _hidden(report, known)
    numbers: dict[str, Any] = {}
    if report.partitions:
        numbers["total"] = HIDDEN if "total" in hidden else _total(report, known).count
    for part in report.parts:
        numbers[part] = HIDDEN if part in hidden else known[part].count
    for measured in report.measured:
        numbers |= _measured(measured, known, hidden)
    return numbers


def _total(report: Report, known: Mapping[str, Cell]) -> Cell:
    return together(known[part] for part in report.partitions[0])


def _hidden(report: Report, known: Mapping[str, Cell]) -> frozenset[str]:
    hidden = {part for part in report.singles if few(known[part])}
    if report.partitions:
        if few(_total(report, known)):
            return frozenset({"total", *report.parts})
        for partition in report.partitions:
            hidden |= hidden_parts(known, partition)
    return frozenset(hidden)


def _measured(measured: Measured, known: Mapping[str, Cell], hidden: frozenset[str]) -> dict[str, Any]:
    base = together(known[part] for part in measured.within)
    people = 0 if "total" in hidden else len(base.people)
    numbers: dict[str, Any] = {
        f"{measured.name}_median": percentile(base.days, 0.5) if people >= FEWEST else None,
        f"{measured.name}_p90": percentile(base.days, 0.9) if people >= FEWEST_FOR_A_TAIL else None,
    }
    if measured.target:
        parts = (measured.target, *measured.missed)
        of = sum(known[part].count for part in parts)
        secret = not of or "total" in hidden or not hidden.isdisjoint(parts)
        numbers["share_in_time"] = None if secret else round(known[measured.target].count / of, 4)
    return numbers


@dataclass(frozen=True, slots=True)
class Compared:
    """One ICS municipality over a year. Each number with its sample size and its 95 % interval, or hidden."""

    recipient: str
    registered: int | None
    share_in_time: float | None
    share_low: float | None
    share_high: float | None
    u009_sent: int | None
    days_to_u009_median: float | None
    days_low: float | None
    days_high: float | None


@dataclass(slots=True)
class _Year:
    rows: list[tuple[Cells, frozenset[str]]] = field(default_factory=list)

    def cell(self, *parts: str) -> Cell:
        return together(cells.get(part, Cell()) for cells, _ in self.rows for part in parts)

    def tells(self, part: str) -> bool:
        """Whether a year's number says nothing of a month that is hidden: by subtraction or by itself."""
        if few(self.cell(part)):
            return False
        kept_back = [cells.get(part, Cell()) for cells, hidden in self.rows if part in hidden]
        some = [cell for cell in kept_back if cell.count]
        people = {person for cell in some for person in cell.people}
        return not some or (len(some) > 1 and len(people) >= FEWEST)


def compared(counted: Counted, year: int, recipients: Sequence[str]) -> Iterator[Compared]:
    """The ICS municipalities side by side: shares registered in time, and days to U009."""
    report = REPORTS["eu"]
    years: dict[str, _Year] = {recipient: _Year() for recipient in recipients}
    for row, cells in counted.rows("eu"):
        if row.recipient in years and row.month.startswith(f"{year}-"):
            known = {part: cells.get(part, Cell()) for part in report.parts}
            years[row.recipient].rows.append((cells, _hidden(report, known)))
    for recipient, found in years.items():
        yield _compared(recipient, found)


def _compared(recipient: str, found: _Year) -> Compared:
    in_time, late = found.cell("registered_in_time"), found.cell("registered_late")
    both = found.tells("registered_in_time") and found.tells("registered_late")
    of = in_time.count + late.count if both else 0
    low, high = share_interval(in_time.count, of)
    sent = found.cell("u009_sent")
    days = sent.days if found.tells("u009_sent") else Counter[int]()
    interval = median_interval(days)
    return Compared(
        recipient,
        of if both else None,
        round(in_time.count / of, 4) if of else None,
        round(low, 4) if of else None,
        round(high, 4) if of else None,
        sum(days.values()) if found.tells("u009_sent") else None,
        percentile(days, 0.5),
        interval[0] if interval else None,
        interval[1] if interval else None,
    )
