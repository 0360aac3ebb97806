"""What `overgang whatif` tells: counts by kind, by municipality, and by both."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connectors.cli.printing import print_table
from connectors.whatif.judging import Outcome
from streams.comparison import COLUMNS, Tally

_TITLES: Final = {
    "other": "otherwise",
    "due_on_changed": "due",
    "recipient_changed": "recipient",
    "kind_changed": "kind",
}

Row = dict[str, str | int]
"""What the row is about, then a number a column."""


@dataclass(frozen=True, slots=True)
class Report:
    """Counts of tasks: under the rules `before` and `after`, and those that differ, by what differs."""

    before: str
    after: str
    messages: int
    cases: int
    total: Row
    by_kind: list[Row]
    by_municipality: list[Row]
    by_kind_and_municipality: list[Row]


def report(before: str, after: str, outcome: Outcome) -> Report:
    tally = outcome.tally
    return Report(
        before,
        after,
        outcome.messages,
        outcome.cases,
        _counts(
            Counter({column: sum(n for (*_, c), n in tally.items() if c == column) for column in COLUMNS})
        ),
        _rows(tally, {"kind": 0}),
        _rows(tally, {"municipality": 1}),
        _rows(tally, {"kind": 0, "municipality": 1}),
    )


def print_report(report: Report) -> None:
    """Two tables, by kind and by municipality."""
    print_table(
        f"{report.messages:,} messages in {report.cases:,} cases, {report.before} and {report.after}",
        ("kind", *map(_title, COLUMNS)),
        ([*row.values()] for row in [*report.by_kind, {"kind": "all", **report.total}]),
    )
    print_table(
        "By municipality",
        ("municipality", *map(_title, COLUMNS)),
        ([*row.values()] for row in report.by_municipality),
    )


def _title(column: str) -> str:
    return _TITLES.get(column, column)


def _rows(tally: Tally, by: Mapping[str, int]) -> list[Row]:
    found: dict[tuple[str, ...], Counter[str]] = {}
    for key, count in tally.items():
        group = tuple(key[place] for place in by.values())
        found.setdefault(group, Counter())[key[2]] += count
    return [{**dict(zip(by, group, strict=True)), **_counts(found[group])} for group in sorted(found)]


def _counts(counted: Counter[str]) -> Row:
    return {column: counted[column] for column in COLUMNS}
