"""Whether a list has a case twice: two short digests a case, keyed anew each time."""

import hashlib
import os
from typing import NamedTuple

from connectors.eu_import.listed_case import ListedCase


class Earlier(NamedTuple):
    """The first row of the case; `same` says whether it says the same."""

    line: int
    same: bool


class Repeats:
    """Remembers every case of a list, some 200 bytes each."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._seen: dict[bytes, tuple[int, bytes]] = {}

    def earlier(self, listed: ListedCase) -> Earlier | None:
        """The row before this one with the same case; None where this is the first, which is remembered."""
        said = self._digest(*(m.envelope.id for m in (listed.registration, *listed.documents)))
        line, before = self._seen.setdefault(self._digest(listed.case), (listed.line, said))
        return None if line == listed.line else Earlier(line, before == said)

    def _digest(self, *parts: str) -> bytes:
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=16, key=self._key).digest()
