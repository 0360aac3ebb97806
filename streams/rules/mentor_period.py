"""The periods for which a mentor is given, as mentor messages tell them one after the other.

A period starts on `used_from`, else (EXTENDED) the day after the old end, else on `on`. It ends on
`planned_end`, else a rule set's longest period after its start.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from streams.rules.facts import MentorFact
from streams.rules.working_days import add_months

_ONE_DAY = timedelta(days=1)


@dataclass(slots=True)
class Period:
    """`planned_end` is None while no message has given one. `longest_end` is the last day it should have."""

    opened_by: MentorFact
    start: date
    planned_end: date | None
    longest_end: date

    @property
    def end(self) -> date:
        return self.planned_end or self.longest_end

    @property
    def too_long(self) -> bool:
        return self.end > self.longest_end


@dataclass(slots=True)
class Periods:
    """`touched`: the period that the last message opened or updated, if it did."""

    running: list[Period] = field(default_factory=list)
    extended: list[Period] = field(default_factory=list)
    """Followed by another period: who names one of these again is not starting anything."""
    touched: Period | None = None

    def read(self, fact: MentorFact, longest_months: int) -> None:
        self.touched = None
        if fact.event == "ASSIGNED":
            self._assigned(fact, longest_months)
        elif fact.event == "EXTENDED":
            old_end = max((period.end for period in self.running), default=None)
            start = fact.used_from or (old_end + _ONE_DAY if old_end else fact.on)
            self.extended += self.running
            self.running = []
            self._open(fact, start, longest_months)
        elif fact.event == "ENDED":
            # What is assigned in the same instant follows what ended.
            self.running = [period for period in self.running if period.opened_by.time >= fact.time]
            self.extended = []

    def _assigned(self, fact: MentorFact, longest_months: int) -> None:
        start = fact.used_from or fact.on
        if any(period.start == start for period in self.extended):
            return
        for period in self.running:
            if period.start == start:
                period.planned_end = fact.planned_end or period.planned_end
                self.touched = period
                return
        self._open(fact, start, longest_months)

    def _open(self, fact: MentorFact, start: date, longest_months: int) -> None:
        self.touched = Period(fact, start, fact.planned_end, add_months(start, longest_months))
        self.running.append(self.touched)


def periods_after(messages: Iterable[tuple[MentorFact, int]]) -> Periods:
    """Read messages in their order, each with the months of the longest period on its date."""
    periods = Periods()
    for fact, longest_months in messages:
        periods.read(fact, longest_months)
    return periods
