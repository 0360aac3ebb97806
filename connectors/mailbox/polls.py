"""How many may wait at mailboxes at a time: in all, of one system, at one party, and of one at the other."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.identifiers import PartyAddress, SystemId
from schemas.problems import OvergangError


class NoPlace(OvergangError):
    """Too many wait; `own`: this system's own ones, or those at this mailbox, do."""

    def __init__(self, *, own: bool) -> None:
        self.own = own
        super().__init__("too many requests wait")


class Polls:
    """Counts those who wait; for one event loop."""

    def __init__(self, most: int, most_of_one: int, most_of_system: int, most_of_party: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._most_of_system = most_of_system
        self._most_of_party = most_of_party
        self._held: Counter[tuple[SystemId, PartyAddress]] = Counter()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return self._held.total()

    @contextmanager
    def place(self, system: SystemId, party: PartyAddress) -> Iterator[None]:
        """A place to wait, given back at the end. Raises NoPlace."""
        one = (system, party)
        of_system = sum(count for (held_by, _), count in self._held.items() if held_by == system)
        at_party = sum(count for (_, held_at), count in self._held.items() if held_at == party)
        if (
            self._held[one] >= self._most_of_one
            or of_system >= self._most_of_system
            or at_party >= self._most_of_party
        ):
            raise NoPlace(own=True)
        if self.waiting >= self._most:
            raise NoPlace(own=False)
        self._held[one] += 1
        try:
            yield
        finally:
            self._held[one] -= 1
            self._held += Counter()  # forgets whoever has none left
