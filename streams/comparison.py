"""Tasks of the same facts under two rule sets: which come, go, move or differ otherwise, and how many.

Pure. A task is the same one under both where its id is: rules of one family keep it when the kind changes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, get_args

from streams.rules.model import Task

What = Literal["added", "gone", "moved", "other"]
MOVES: Final = ("due_on", "recipient", "kind")
"""Fields that move a task: somebody else must act, at another time, or do something else."""
_OTHER: Final = ("opens_on", "state", "mandatory", "legal_basis", "warnings")
COLUMNS: Final = ("before", "after", *get_args(What), *(f"{field}_changed" for field in MOVES))
"""What is counted: tasks under the first rules, under the second, those that differ, and how they moved."""

Tally = Counter[tuple[str, str, str]]
"""Number of tasks by kind, place and column; where both rules give a task, kind and place are the first's."""


@dataclass(frozen=True, slots=True)
class Change:
    """One task that is not the same: `before` under the first rules, `after` under the second.

    `differs` names the fields, for a task that both give.
    """

    what: What
    before: Task | None
    after: Task | None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Period:
    """Tasks that open from one day to another, both included; None: no limit."""

    first: date | None = None
    last: date | None = None

    def holds(self, task: Task) -> bool:
        return (self.first is None or task.opens_on >= self.first) and (
            self.last is None or task.opens_on <= self.last
        )


def compare(before: Iterable[Task], after: Iterable[Task], period: Period, tally: Tally) -> Iterator[Change]:
    """The tasks of one case that differ; all that open in the period are counted in `tally`.

    A task that opens in the period under one of the rule sets only is looked at under both.
    """
    old = {task.task_id: task for task in before}
    new = {task.task_id: task for task in after}
    for task_id in old | new:
        was, now = old.get(task_id), new.get(task_id)
        if not any(task is not None and period.holds(task) for task in (was, now)):
            continue
        for column, task in (("before", was), ("after", now)):
            if task is not None:
                tally[task.kind, place_of(task), column] += 1
        change = _change(was, now)
        if change is not None:
            named = was or now
            assert named is not None, "a task that differs stands on one side at least"
            moves = [f"{field}_changed" for field in MOVES if field in change.differs]
            for column in (change.what, *moves):
                tally[named.kind, place_of(named), column] += 1
            yield change


def place_of(task: Task) -> str:
    """The municipality's code; `institutions` for all schools, `unrouted` where nobody is responsible."""
    if task.recipient is None:
        return "unrouted"
    _, role, number = task.recipient.split("/")
    return number if role == "municipality" else "institutions"


def _change(was: Task | None, now: Task | None) -> Change | None:
    if was is None or now is None:
        return Change("gone" if now is None else "added", was, now)
    differs = tuple(name for name in (*MOVES, *_OTHER) if getattr(was, name) != getattr(now, name))
    if not differs:
        return None
    moved = any(field in MOVES for field in differs)
    return Change("moved" if moved else "other", was, now, differs)
