"""Small groups are hidden, and enough around them that no subtraction finds them again.

A *group* is the people behind one number. One to four of them are not told. Where numbers add up to a told
total, the hidden ones must be at least two, of at least five people together; the smallest others are hidden
for that. Nobody (0) is told: it says of nobody that something happened to them.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Final

from streams.numbers.counting import Cell

FEWEST: Final = 5
"""People that a told number stands for at least."""
FEWEST_FOR_A_TAIL: Final = 10
"""People from which on a 90th percentile is not one person's own value."""
_FEWEST_HIDDEN: Final = 2


def few(cell: Cell) -> bool:
    """Whether it stands for somebody, but for fewer than five people."""
    return 0 < len(cell.people) < FEWEST


def hidden_parts(cells: Mapping[str, Cell], partition: Sequence[str]) -> frozenset[str]:
    """The parts of a told total that are not told. The total itself stands for five people or more."""
    hidden = {part for part in partition if few(cells[part])}
    others = sorted(
        (part for part in partition if part not in hidden and cells[part].count),
        key=lambda part: cells[part].count,
    )
    while hidden and not _safe(cells, hidden):
        hidden.add(others.pop(0))
    return frozenset(hidden)


def _safe(cells: Mapping[str, Cell], hidden: Set[str]) -> bool:
    people = {person for part in hidden for person in cells[part].people}
    return len(hidden) >= _FEWEST_HIDDEN and len(people) >= FEWEST
