"""Files that have come and are whole: what did not change between two looks at a folder."""

import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from connectors.files.names import is_taken, is_unfinished

_LINK: Final = "is a link, a directory or a device; put a plain file there"
_NAME: Final = "has a name that is not taken; use letters, digits, - _ . and the ending .jsonl or .csv"


class Seen(NamedTuple):
    inode: int
    size: int
    changed: int


def seen(status: os.stat_result) -> Seen:
    """What tells that a file was written to."""
    return Seen(status.st_ino, status.st_size, status.st_mtime_ns)


class Arrivals:
    """Remembers the last look at each inbox, and no more."""

    def __init__(self) -> None:
        self._before: dict[str, dict[str, Seen]] = {}

    def settled(self, folder: str, inbox: int, refuse: Callable[[str, str], None]) -> list[str]:
        """Names of files as they were at the last look. `refuse` is told what is never taken, and why."""
        before, now = self._before.get(folder, {}), dict(_files(inbox, refuse))
        self._before[folder] = now
        return sorted(name for name, found in now.items() if before.get(name) == found)


def claim(name: str, inbox: int, work: int) -> None:
    """Take the file into `work/` in one step. Raises FileNotFoundError where somebody else was first."""
    own = f"{time.time_ns():016x}{secrets.token_hex(4)}"
    os.rename(name, f"{own}.{name}", src_dir_fd=inbox, dst_dir_fd=work)


def given_name(name_in_work: str) -> str:
    """The name that the file came with."""
    return name_in_work.partition(".")[2]


def _files(inbox: int, refuse: Callable[[str, str], None]) -> Iterator[tuple[str, Seen]]:
    with os.scandir(inbox) as entries:
        for entry in entries:
            if is_unfinished(entry.name):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # taken by another watcher
            if not stat.S_ISREG(status.st_mode):
                refuse(entry.name, _LINK)
            elif not is_taken(entry.name):
                refuse(entry.name, _NAME)
            elif status.st_nlink == 1:  # with two names it is still being moved here
                yield entry.name, seen(status)
