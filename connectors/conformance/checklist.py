"""A checklist: what is required, and of each item whether it passed, what was seen and what would mend it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Outcome(StrEnum):
    """What became of an item."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Item:
    """One requirement. `seen` and `mend` hold no content of a message; `mend` of a passed one is empty.

    One that is not mandatory is advice: it does not count for the whole.
    """

    id: str
    requirement: str
    mend: str
    mandatory: bool = True
    outcome: Outcome = Outcome.NOT_TRIED
    seen: str = ""


class Checklist:
    """Items in the order of their requirements. Each is told once: the first word counts."""

    def __init__(self, requirements: Iterable[Item]) -> None:
        self._items = {item.id: item for item in requirements}

    def passed(self, id_: str, seen: str) -> None:
        """An item is as it should be."""
        self._tell(id_, Outcome.PASSED, seen, "")

    def failed(self, id_: str, seen: str, mend: str | None = None) -> None:
        """An item is not as it should be; `mend` where more is known than the requirement says."""
        self._tell(id_, Outcome.FAILED, seen, mend)

    def judged(self, id_: str, well: bool, seen: str) -> None:
        """Passed or failed."""
        (self.passed if well else self.failed)(id_, seen)

    def rest_not_tried(self, why: str) -> None:
        """Whatever has no outcome yet could not be tried."""
        for item in self._items.values():
            if not item.seen:
                self._items[item.id] = replace(item, seen=why)

    @property
    def items(self) -> tuple[Item, ...]:
        """All of them."""
        return tuple(self._items.values())

    @property
    def complete(self) -> bool:
        """Whether every mandatory item passed; one that was not tried did not."""
        return all(item.outcome is Outcome.PASSED for item in self._items.values() if item.mandatory)

    def _tell(self, id_: str, outcome: Outcome, seen: str, mend: str | None) -> None:
        item = self._items[id_]
        if not item.seen:
            told = item.mend if mend is None else mend
            self._items[id_] = replace(item, outcome=outcome, seen=seen, mend=told)
