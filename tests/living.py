"""Whether a process still runs, seen from outside."""

import psutil


def lives(process: psutil.Process) -> bool:
    """Not so of a zombie: it has ended, holds nothing, and waits for a process 1 that may take its time."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
