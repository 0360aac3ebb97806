"""Rows of a report: of each line what may be told of it; None is hidden, or does not exist."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from streams.numbers.counting import (
    AGES,
    MENTOR,
    OPEN_CASES,
    QUALIFIED,
    STATES,
    Counted,
    levels_of,
    outcomes_of,
)
from streams.numbers.lines import FEWEST, FEWEST_FOR_A_TAIL, Line, Path
from streams.numbers.measures import median_interval, percentile, share_interval

Number = float | int | None
_DONE: Final = ("in_time", "late")
_DUE: Final = (*_DONE, "overdue")
EVERYBODY: Final = "all"


@dataclass(frozen=True, slots=True)
class Row:
    """What a row is about, and its numbers by column. `recipient` `all` is the whole country."""

    of: str
    recipient: str
    period: str
    numbers: dict[str, Number]


def task_rows(counted: Counted, kinds: Collection[str] | None, year: str) -> Iterator[Row]:
    """Tasks by what became of them: of these kinds, or of all."""
    for kind in counted.trees:
        if kind != OPEN_CASES and kind not in MENTOR and (kinds is None or kind in kinds):
            for path, (line, level) in counted.told(kind).items():
                if path[0] == year:
                    yield Row(kind, _recipient(path), _period(path), _task(kind, line, level))


def mentor_rows(counted: Counted, year: str) -> Iterator[Row]:
    """What was done about mentors, an event a row."""
    for event in MENTOR:
        for path, (line, level) in counted.told(event).items():
            if path[0] == year:
                total = line.counts.total() if level else None
                yield Row(event, _recipient(path), _period(path), {"total": total})


def open_rows(counted: Counted, year: str) -> Iterator[Row]:
    """People with an unfinished task, by the age of the oldest."""
    for path, (line, level) in counted.told(OPEN_CASES).items():
        if path[0] == year:
            told: dict[str, Number] = {"total": line.counts.total() if level else None}
            told |= {age: line.counts[age] if level > 1 else None for age in AGES}
            yield Row("open cases", _recipient(path), year, told)


def side_by_side(counted: Counted, recipients: Sequence[str], year: str) -> Iterator[Row]:
    """What the ICS municipalities do, each number with its sample and its interval (95 %)."""
    for kind in ("SEND_U009", "CONTACT_YOUNG_PERSON", "GUIDE_MENTOR_RIGHT", "SEND_CONTACT"):
        lines = counted.told(kind)
        for recipient in recipients:
            line, level = lines.get((year, recipient), (Line(), 0))
            full = level == len(levels_of(kind))
            yield Row(kind, recipient, year, _sure(kind, line if full else Line()))


def _recipient(path: Path) -> str:
    return path[1] if len(path) > 1 else EVERYBODY


def _period(path: Path) -> str:
    return path[2] if len(path) > 2 else path[0]


def _task(kind: str, line: Line, level: int) -> dict[str, Number]:
    deepest = len(levels_of(kind))
    told: dict[str, Number] = {"total": line.counts.total() if level else None}
    done = [outcome for state in _DONE for outcome in outcomes_of(kind, state)]
    told["done"] = line.count(done) if level > 1 else None
    for state in STATES:
        told[state] = line.count(outcomes_of(kind, state)) if level > 2 else None
    for qualifier in QUALIFIED.get(kind, ()):
        qualified = [f"{state} {qualifier}" for state in STATES]
        told[qualifier] = line.count(qualified) if level == deepest else None
    people = line.number_of_people(done) if level == deepest else 0
    days = _days(line, done)
    told["days_median"] = percentile(days, 0.5) if people >= FEWEST else None
    told["days_p90"] = percentile(days, 0.9) if people >= FEWEST_FOR_A_TAIL else None
    share = _share(kind, line) if level == deepest else None
    told["share_in_time"] = round(share[0] / share[1], 4) if share and share[1] else None
    return told


def _sure(kind: str, line: Line) -> dict[str, Number]:
    found, of = _share(kind, line)
    low, high = share_interval(found, of)
    done = [outcome for state in _DONE for outcome in outcomes_of(kind, state)]
    days = _days(line, done) if line.number_of_people(done) >= FEWEST else Counter[int]()
    between = median_interval(days)
    told: dict[str, Number] = {
        "due": of or None,
        "share_in_time": round(found / of, 4) if of else None,
        "share_low": round(low, 4) if of else None,
        "share_high": round(high, 4) if of else None,
        "measured": days.total() or None,
        "days_median": percentile(days, 0.5),
        "days_low": between[0] if between else None,
        "days_high": between[1] if between else None,
    }
    of_all = line.counts.total()
    late = line.count(f"{state} registered_late" for state in STATES) if kind == "SEND_U009" else 0
    registered = kind == "SEND_U009" and of_all > 0
    low, high = share_interval(of_all - late, of_all)
    return told | {
        "registered": of_all if registered else None,
        "registered_in_time": round(1 - late / of_all, 4) if registered else None,
        "registered_low": round(low, 4) if registered else None,
        "registered_high": round(high, 4) if registered else None,
    }


def _share(kind: str, line: Line) -> tuple[int, int]:
    """How many were done in time, of those done or overdue."""
    return (
        line.count(outcomes_of(kind, "in_time")),
        line.count(outcome for state in _DUE for outcome in outcomes_of(kind, state)),
    )


def _days(line: Line, outcomes: Collection[str]) -> Counter[int]:
    found: Counter[int] = Counter()
    for outcome in outcomes:
        found += line.days.get(outcome, Counter())
    return found
