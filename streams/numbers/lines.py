"""Which numbers may be told, and how fine, so that no subtraction finds a group of one to four people.

Lines form a tree by path - year, recipient, month - and never a cross table. Each has levels that refine one
another: the total first, then partitions of it. What is withheld of a family must, taken together, itself
pass: that sum is all that a reader can work out, since the line above is told.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

FEWEST: Final = 5
"""People that a told number stands for at least; nobody at all (0) is told, too."""
FEWEST_FOR_A_TAIL: Final = 10
"""People from which on a 90th percentile is not one person's own value."""
Path = tuple[str, ...]
Partition = Sequence[frozenset[str]]
"""Groups of outcomes, each told as one number; together they are all outcomes."""


@dataclass(slots=True)
class Line:
    """Counts by outcome, up to five people of each, and how often it took how many days.

    `leaves`: so many lines without others below them stand below it; it may be one itself.
    """

    counts: Counter[str] = field(default_factory=Counter)
    people: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    days: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    leaves: int = 1

    def add(self, outcome: str, person: str, days: int | None = None) -> None:
        """Count one of a person."""
        self.counts[outcome] += 1
        # Ten are told apart: more need no names.
        if len(self.people[outcome]) < FEWEST_FOR_A_TAIL:
            self.people[outcome].add(person)
        if days is not None:
            self.days[outcome][days] += 1

    def count(self, outcomes: Iterable[str]) -> int:
        """How many of these outcomes."""
        return sum(self.counts[outcome] for outcome in outcomes)

    def number_of_people(self, outcomes: Iterable[str]) -> int:
        """How many people, exact up to ten."""
        return len(set().union(*(self.people.get(outcome, ()) for outcome in outcomes)))

    def may_tell(self, level: int, partition: Partition) -> bool:
        """Whether the numbers of one level stand for enough people each."""
        if level == 0:
            # A withheld line is seen to exist: each stands for one at least, and must be able to be five.
            everything = tuple(self.counts)
            enough = self.number_of_people(everything) >= FEWEST
            return enough and self.count(everything) >= self.leaves + FEWEST - 1
        return all(not self.count(cell) or self.number_of_people(cell) >= FEWEST for cell in partition)


def together(lines: Iterable[Line]) -> Line:
    """Several lines as one."""
    found = Line(leaves=0)
    for line in lines:
        found.leaves += line.leaves
        found.counts += line.counts
        for outcome, people in line.people.items():
            found.people[outcome] |= people
        for outcome, days in line.days.items():
            found.days[outcome] += days
    return found


def with_totals(leaves: Mapping[Path, Line]) -> dict[Path, Line]:
    """These lines and those above them, up to paths of one part."""
    lines = dict(leaves)
    longest = max(map(len, leaves), default=0)
    for depth in range(longest - 1, 0, -1):
        families: dict[Path, list[Line]] = defaultdict(list)
        for path, line in leaves.items():
            families[path[:depth]].append(line)
        lines |= {path: together(family) for path, family in families.items()}
    return lines


def levels_told(lines: Mapping[Path, Line], levels: Sequence[Partition]) -> dict[Path, int]:
    """How many levels of each line may be told; 0: nothing of it. `levels[0]` is the total."""
    told = dict.fromkeys(lines, 0)
    families: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(lines, key=lambda path: (len(path), path)):
        families[path[:-1]].append(path)
    for level, partition in enumerate(levels):
        for parent, children in families.items():
            if parent in lines and told[parent] <= level:
                continue
            fit = [c for c in children if told[c] == level and lines[c].may_tell(level, partition)]
            if parent in lines:
                fit.sort(key=lambda child: lines[child].counts.total())
                hidden = [child for child in children if child not in fit]
                while hidden and fit and not together(lines[h] for h in hidden).may_tell(level, partition):
                    hidden.append(fit.pop(0))
            for child in fit:
                told[child] = level + 1
    return told
