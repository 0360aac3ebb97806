"""One case under both rule sets, and what many cases come to."""

import csv
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from typing import Any, Final

from schemas.code_lists import CodeLists
from streams.comparison import Change, Period, Tally, compare
from streams.rules.decide import tasks_at
from streams.rules.facts import Fact
from streams.rules.ruleset import RuleBook

_COMPARED: Final = ("kind", "recipient", "state", "mandatory", "opens_on", "due_on", "legal_basis")
HEADER: Final = (
    "task_id",
    "change",
    "differs",
    *(f"{name}_{side}" for name in _COMPARED for side in ("before", "after")),
)
"""Columns of the CSV file, one row a task that differs. No column says more than a task does."""


@dataclass(frozen=True, slots=True)
class Judging:
    """What both sides are judged with: the two rule books, the instant, and the period looked at."""

    before: RuleBook
    after: RuleBook
    lists: CodeLists
    as_of: datetime
    period: Period


@dataclass(slots=True)
class Outcome:
    """What came of some cases: the counts, and the rows of the CSV file as text."""

    messages: int = 0
    cases: int = 0
    tally: Tally = field(default_factory=Counter)
    rows: str = ""

    def add(self, other: "Outcome") -> None:
        """Count another's in; its rows are left to be written."""
        self.messages += other.messages
        self.cases += other.cases
        self.tally.update(other.tally)


class Judge:
    """Takes case after case; `outcome` is what they came to."""

    def __init__(self, judging: Judging) -> None:
        self._judging = judging
        self._outcome = Outcome()
        self._text = StringIO()
        self._csv = csv.writer(self._text, lineterminator="\n")

    def take(self, facts: Collection[Fact]) -> None:
        j = self._judging
        told = list(facts)
        before, _ = tasks_at(told, j.before, j.lists, j.as_of)
        after, _ = tasks_at(told, j.after, j.lists, j.as_of)
        self._csv.writerows(_cells(c) for c in compare(before, after, j.period, self._outcome.tally))
        self._outcome.cases += 1

    def outcome(self) -> Outcome:
        self._outcome.rows = self._text.getvalue()
        return self._outcome


def _cells(change: Change) -> Iterator[Any]:
    named = change.before or change.after
    yield from (named and named.task_id, change.what, " ".join(change.differs))
    for name in _COMPARED:
        for task in (change.before, change.after):
            yield getattr(task, name) if task is not None else None
