"""Whether this process has room to write, and how a full disk is told."""

import shutil
from pathlib import Path
from typing import Final

DATABASE_DISK: Final = "database disk"
"""What health calls PostgreSQL's disk; it is not ours to look at, the ledger asks for it."""
DATABASE_FULL: Final = "PostgreSQL has no room to write; make room on its disk"
LOOK_EVERY: Final = 3.0
"""Seconds between two looks: told within ten (promise P10)."""
_MIB: Final = 1 << 20


def no_room(directory: Path, floor_mb: int) -> str | None:
    """Why the directory's disk counts as full: fewer than `floor_mb` MiB are free; None: it does not."""
    try:
        free = shutil.disk_usage(directory).free // _MIB
    except OSError as gone:
        return f"the data directory cannot be looked at ({gone.strerror}); bring it back"
    if free >= floor_mb:
        return None
    return f"{free} MiB free for the data directory, fewer than {floor_mb}; make room"
