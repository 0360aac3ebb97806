"""Which numbers there are: the parts that add up to a total, what is counted by itself, what is measured.

The words for readers stand in docs/numbers.md; a test keeps the two together.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Measured:
    """A number of days, of which the median and the 90th percentile are told.

    `within`: the parts whose people it is measured of; `target`: the part of them that was in time, and
    `missed`: those that were not, or are overdue. The share in time is told of both together.
    """

    name: str
    within: tuple[str, ...]
    target: str | None = None
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """One report. A row is a recipient, a month and, where there are several, a group.

    `partitions`: each of them adds up to the row's total. `singles` are counted by themselves.
    """

    name: str
    title: str
    groups: str | None
    partitions: tuple[tuple[str, ...], ...] = ()
    singles: tuple[str, ...] = ()
    measured: tuple[Measured, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """All that is counted, in the order of the columns."""
        return tuple(part for partition in self.partitions for part in partition) + self.singles


_ENDS: Final = ("planned", "open", "overdue", "done", "cancelled", "expired")

REPORTS: Final = {
    report.name: report
    for report in (
        Report(
            "contact",
            "From a notice in the duty window to contact with the young person",
            None,
            (("in_time", "late", "overdue", "open"),),
            (),
            (Measured("days", ("in_time", "late"), "in_time", ("late", "overdue")),),
        ),
        Report("tasks", "Tasks by kind", "kind", (_ENDS,)),
        Report(
            "exchange",
            "Admissions with contact persons exchanged",
            None,
            (("both_ways", "sent_only", "not_sent"),),
        ),
        Report(
            "mentor",
            "What was done about mentors",
            None,
            (),
            ("guided", "asked", "assigned", "extended"),
        ),
        Report(
            "eu",
            "EU/EEA registrations, and days from registration to U009",
            None,
            (("registered_in_time", "registered_late"), ("u009_sent", "u009_waiting")),
            (),
            (Measured("days_to_u009", ("u009_sent",)),),
        ),
        Report(
            "open-cases",
            "Cases with unfinished tasks, by the age of the oldest",
            None,
            (("up_to_7_days", "8_to_30_days", "31_to_90_days", "over_90_days"),),
        ),
    )
}
UNIFORMITY: Final = "uniformity"
