"""Who owns a data directory: one living process at a time, and a dead one leaves nothing to clean up."""

import fcntl
import os
import threading
import time
from pathlib import Path

from connectors.embedded.failures import DirectoryInUse

LOCK = "owner.lock"
HAND_OVER_SECONDS = 30.0
"""How long the children of a killed owner may take to end before a new owner gives up."""


def claim(directory: Path) -> int:
    """Make the directory (mode 700) ours; returns the descriptor whose lock says so, for `disown`.

    The lock is the kernel's: it ends with the last process that inherited the descriptor, so there is no
    stale one. An owner that was killed may leave a child that is still ending: that is waited for. Raises
    DirectoryInUse when a living owner has it.
    """
    directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.mkdir(exist_ok=True)
    directory.chmod(0o700)
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up = time.monotonic() + HAND_OVER_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            if _lives(owner) or time.monotonic() > give_up:
                os.close(descriptor)
                raise DirectoryInUse(
                    f"{directory} is in use by process {owner or 'unknown'}; "
                    "stop that one, or name another directory in OVERGANG_DATA_DIRECTORY"
                ) from None
            threading.Event().wait(0.05)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def disown(descriptor: int) -> None:
    """Give the directory up; children that are still ending keep it until they have ended."""
    os.ftruncate(descriptor, 0)
    os.close(descriptor)


def _lives(process_id: str) -> bool:
    try:
        os.kill(int(process_id), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
