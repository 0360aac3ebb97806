"""One file in `work/`: held by one watcher, sent, answered, put away; after a crash all of it again.

The result appears whole, by a rename, before the file leaves `work/`. A crash in between only writes the same
result once more: the gateway knows the messages by their ids.
"""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import BinaryIO, Final

from connectors.cli.batch_sender import BatchSender
from connectors.files.answering import Counts, answer
from connectors.files.arrivals import given_name, seen
from connectors.files.folders import OpenFolder
from connectors.files.reading import FileReading, whole_file

SIZE_LIMIT: Final = 1 << 30
"""Bytes of one file."""
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE: Final = 0o666  # less the umask: whoever dropped the file must be able to read the result


class StillWritten(Exception):
    """Somebody wrote to the file while it was read."""


@contextmanager
def held(name: str, work: int) -> Iterator[BinaryIO | None]:
    """The file, held until the end; None where another watcher has it or it is no plain file."""
    try:
        descriptor = os.open(name, _FLAGS, dir_fd=work)
    except OSError:
        yield None
        return
    with os.fdopen(descriptor, "rb") as file:
        yield file if _is_ours(descriptor, name, work) else None


def _is_ours(descriptor: int, name: str, work: int) -> bool:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The one who held it before may have put it away.
        return os.stat(name, dir_fd=work, follow_symlinks=False).st_ino == status.st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def settle(
    name: str,
    file: BinaryIO,
    folder: OpenFolder,
    reading: FileReading,
    sender: BatchSender,
    go_on: Callable[[], None],
) -> Counts:
    """Send and answer a held file. Raises SendFailed, StillWritten, OSError, and what `go_on` raises."""
    original = given_name(name)
    before = os.fstat(file.fileno())
    if before.st_size > SIZE_LIMIT:
        limit = whole_file(f"the file has more than {SIZE_LIMIT} bytes", "split it into several files")
        lines = iter([limit])
    else:
        lines = reading.lines(file, original, folder.party)
    draft = f".{name}.result"
    with open(os.open(draft, _NEW, _MODE, dir_fd=folder.work), "w", encoding="utf-8", newline="") as result:
        result.write("\ufeff")  # spreadsheets take it for Windows-1252 otherwise
        counts = answer(lines, sender, result, go_on)
        result.flush()
        os.fsync(result.fileno())
    if seen(os.fstat(file.fileno())) != seen(before):
        raise StillWritten
    os.rename(draft, f"{original}.result.csv", src_dir_fd=folder.work, dst_dir_fd=folder.results)
    os.fsync(folder.results)
    _put_away(name, original, folder)
    return counts


def _put_away(name: str, original: str, folder: OpenFolder) -> None:
    """Into `done/`, where no file takes another's place."""
    status = os.stat(name, dir_fd=folder.work, follow_symlinks=False)
    for number in count(1):
        target = original if number == 1 else f"{original}.{number}"
        try:
            os.link(name, target, src_dir_fd=folder.work, dst_dir_fd=folder.done, follow_symlinks=False)
            break
        except FileExistsError:
            # A crash after the link and before the next line left it there.
            if os.stat(target, dir_fd=folder.done, follow_symlinks=False).st_ino == status.st_ino:
                break
    os.unlink(name, dir_fd=folder.work)
