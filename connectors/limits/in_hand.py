"""What each system has in hand at a time: requests, batches, and the bytes of bodies that are being read.

A body counts with the bytes that have come, not with those it announces: one that trickles in holds next to
nothing, and what it holds is its own system's share.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

from schemas.identifiers import SystemId
from schemas.problems import OvergangError

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shares:
    """What one system may have in hand; `bytes_in_all` is for all together.

    `questions` are requests that the database answers: more of one system wait for their turn.
    """

    requests: int = 300
    batches: int = 4
    bytes: int = 32 * _MIB
    bytes_in_all: int = 128 * _MIB
    questions: int = 4


class TooMuch(OvergangError):
    """No more for now. `limit` names which limit, `most` is its number; `own`: the system's own share."""

    def __init__(self, limit: str, most: int, *, own: bool = True) -> None:
        super().__init__(f"{limit}: at most {most}")
        self.limit = limit
        self.most = most
        self.own = own


class InHand:
    """Counts what is in hand; for one event loop."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._requests: Counter[SystemId] = Counter()
        self._batches: Counter[SystemId] = Counter()
        self._bytes: Counter[SystemId] = Counter()
        self._bytes_in_all = 0
        self._turns: dict[SystemId, asyncio.Semaphore] = {}

    @property
    def batches(self) -> int:
        """How many are in hand, of all systems."""
        return self._batches.total()

    @contextmanager
    def request(self, system: SystemId) -> Iterator[None]:
        """A request until it is answered. Raises TooMuch."""
        with _counted(self._requests, system, "requests_at_once", self._shares.requests):
            try:
                yield
            finally:
                if self._requests[system] == 1:
                    self._turns.pop(system, None)

    @contextmanager
    def batch(self, system: SystemId) -> Iterator["Body"]:
        """A batch until it is answered, with the bytes of its body. Raises TooMuch."""
        with _counted(self._batches, system, "batches_at_once", self._shares.batches):
            body = Body(self, system)
            try:
                yield body
            finally:
                self.grow(system, -body.size)

    def turn(self, system: SystemId, *, question: bool) -> AbstractAsyncContextManager[object]:
        """Waits until fewer of the system's own questions are with the database."""
        if not question:
            return nullcontext()
        return self._turns.setdefault(system, asyncio.Semaphore(self._shares.questions))

    def grow(self, system: SystemId, size: int) -> None:
        """Count bytes that came, or, below 0, that are done with. Raises TooMuch."""
        if size > 0 and self._bytes[system] + size > self._shares.bytes:
            raise TooMuch("bytes_at_once", self._shares.bytes)
        if size > 0 and self._bytes_in_all + size > self._shares.bytes_in_all:
            raise TooMuch("bytes_in_all", self._shares.bytes_in_all, own=False)
        self._bytes_in_all += size
        self._bytes[system] += size
        if not self._bytes[system]:
            del self._bytes[system]


@dataclass(slots=True)
class Body:
    """The part of a batch's body that has come."""

    _in_hand: InHand
    _system: SystemId
    size: int = 0

    def grow(self, size: int) -> None:
        """Count bytes that came. Raises TooMuch; what came before is no longer counted then."""
        try:
            self._in_hand.grow(self._system, size)
        except TooMuch:
            self._in_hand.grow(self._system, -self.size)
            self.size = 0
            raise
        self.size += size


@contextmanager
def _counted(held: Counter[SystemId], system: SystemId, limit: str, most: int) -> Iterator[None]:
    if held[system] >= most:
        raise TooMuch(limit, most)
    held[system] += 1
    try:
        yield
    finally:
        held[system] -= 1
        if not held[system]:
            del held[system]
