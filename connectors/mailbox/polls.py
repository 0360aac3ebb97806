"""How many may wait at mailboxes at a time: in all, and of one system at one party."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.identifiers import PartyAddress, SystemId
from schemas.problems import OvergangError


class NoPlace(OvergangError):
    """Too many wait; `own`: this system's own ones do."""

    def __init__(self, *, own: bool) -> None:
        self.own = own
        super().__init__("too many requests wait")


class Polls:
    """Counts those who wait; for one event loop."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._held: Counter[tuple[SystemId, PartyAddress]] = Counter()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return self._held.total()

    @contextmanager
    def place(self, system: SystemId, party: PartyAddress) -> Iterator[None]:
        """A place to wait, given back at the end. Raises NoPlace."""
        one = (system, party)
        if self._held[one] >= self._most_of_one:
            raise NoPlace(own=True)
        if self.waiting >= self._most:
            raise NoPlace(own=False)
        self._held[one] += 1
        try:
            yield
        finally:
            self._held[one] -= 1
            self._held += Counter()  # forgets whoever has none left
