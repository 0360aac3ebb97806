"""A disk of a few megabytes at a directory, to be filled and emptied: what a test of a full disk needs."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_CHUNK = bytes(1 << 16)


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """`mounted` is False where nobody lets us mount: then it is a directory like any other."""

    directory: Path
    mounted: bool

    def fill(self) -> None:
        """Leave not a single byte."""
        if not self.mounted and not os.environ.get("CI"):
            pytest.skip("a small disk can only be mounted by root (mount -t tmpfs)")
        assert self.mounted, "mount -t tmpfs was refused"
        with (self.directory / "filling").open("wb", buffering=0) as filling:
            try:
                while filling.write(_CHUNK):
                    pass
            except OSError as full:
                if full.errno != errno.ENOSPC:
                    raise
        assert shutil.disk_usage(self.directory).free < len(_CHUNK)

    def make_room(self) -> None:
        (self.directory / "filling").unlink(missing_ok=True)


@contextmanager
def small_disk(directory: Path, mib: int) -> Iterator[SmallDisk]:
    """In memory; it goes with the block, whatever happens in it."""
    directory.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "overgang-test", str(directory)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield SmallDisk(directory, mounted)
    finally:
        if mounted:
            # Lazily: a process that is still ending may hold a file on it.
            subprocess.run(["umount", "--lazy", str(directory)], check=True)
