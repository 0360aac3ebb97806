"""One decision about all numbers: every task, mentor message and open case stands on one line of one tree.

Reports choose from these trees. Two reports about the same tasks show the same line, so that neither tells
what the other hides.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from streams.numbers.lines import Line, Partition, Path, levels_told, with_totals

STATES: Final = ("planned", "open", "overdue", "in_time", "late", "cancelled", "expired")
"""What became of a task; `in_time` and `late` are done."""
_COARSE: Final = (("planned", "open", "overdue"), ("in_time", "late"), ("cancelled", "expired"))
QUALIFIED: Final = {
    "SEND_CONTACT": ("answered", "unanswered"),
    "SEND_U009": ("registered_in_time", "registered_late"),
}
"""What else is told of a task of that kind."""
AGES: Final = ("up_to_7_days", "8_to_30_days", "31_to_90_days", "over_90_days")
OPEN_CASES: Final = "open cases"
MENTOR: Final = ("guided", "asked", "assigned", "extended")


class Observation(NamedTuple):
    """One thing counted once, of one person, on the line at `path` of a tree; `days` where measured."""

    tree: str
    path: Path
    outcome: str
    person: str
    days: int | None = None


class Counted:
    """The trees: one a task kind, one a mentor event, one of open cases."""

    def __init__(self) -> None:
        self._leaves: dict[str, dict[Path, Line]] = defaultdict(lambda: defaultdict(Line))

    def add(self, observations: Iterable[Observation]) -> None:
        """Count these."""
        for tree, path, outcome, person, days in observations:
            self._leaves[tree][path].add(outcome, person, days)

    @property
    def trees(self) -> list[str]:
        """Names of those of which something was counted."""
        return sorted(self._leaves)

    def told(self, tree: str) -> dict[Path, tuple[Line, int]]:
        """All lines of a tree with how many of its levels may be told."""
        lines = with_totals(self._leaves[tree]) if tree in self._leaves else {}
        may = levels_told(lines, levels_of(tree))
        return {path: (lines[path], may[path]) for path in sorted(lines)}


def levels_of(tree: str) -> Sequence[Partition]:
    """The partitions of a tree's outcomes, each finer than the one before; the first is the total."""
    if tree == OPEN_CASES:
        return [frozenset(AGES)], [frozenset({age}) for age in AGES]
    if tree in MENTOR:
        return ([frozenset({tree})],)
    everything = [outcome for state in STATES for outcome in outcomes_of(tree, state)]
    levels: list[Partition] = [
        [frozenset(everything)],
        [frozenset(o for state in group for o in outcomes_of(tree, state)) for group in _COARSE],
        [frozenset(outcomes_of(tree, state)) for state in STATES],
    ]
    return [*levels, [frozenset({outcome}) for outcome in everything]] if tree in QUALIFIED else levels


def outcomes_of(kind: str, state: str) -> tuple[str, ...]:
    """The outcomes of a kind of task that are in that state."""
    qualifiers = QUALIFIED.get(kind)
    return tuple(f"{state} {qualifier}" for qualifier in qualifiers) if qualifiers else (state,)
