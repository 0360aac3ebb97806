"""The folder of a party: `institution-280051/` with `in/`, `done/`, `results/`, and `work/` for us alone.

Whoever drops files may own them and the folder, so nothing is reached by path: every step is taken from an
opened directory and follows no symbolic link.
"""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.identifiers import PartyAddress

_NAME: Final = re.compile(r"(institution)-([0-9]{6})|(municipality)-([0-9]{3})")
_ROOMS: Final = ("in", "work", "done", "results")
_PRIVATE: Final = 0o700
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A party's four rooms as descriptors of directories."""

    party: PartyAddress
    inbox: int
    work: int
    done: int
    results: int


def party_of(name: str) -> PartyAddress | None:
    """Whose folder it is: `municipality-751` -> `/municipality/751`; None of another name."""
    found = _NAME.fullmatch(name)
    return PartyAddress(f"/{found[1] or found[3]}/{found[2] or found[4]}") if found else None


def make_folder(directory: Path, party: PartyAddress) -> Path:
    """The party's folder with all its rooms; what is there stays. Raises OSError."""
    folder = directory / party.removeprefix("/").replace("/", "-")
    for room in _ROOMS:
        (folder / room).mkdir(parents=True, exist_ok=True)
    (folder / "work").chmod(_PRIVATE)
    return folder


@contextmanager
def opened_folder(directory: Path, name: str, party: PartyAddress) -> Iterator[OpenFolder]:
    """The rooms, open. Raises OSError where one is missing, a link, or not ours to use."""
    with ExitStack() as closing:

        def opened(path: str | Path, within: int | None = None) -> int:
            descriptor = os.open(path, _OPEN, dir_fd=within)
            closing.callback(os.close, descriptor)
            return descriptor

        folder = opened(directory / name)
        yield OpenFolder(party, *(opened(room, folder) for room in _ROOMS))
