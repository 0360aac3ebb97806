"""Facts by partition on disk, between reading a file and deciding its cases.

The file has no name from its first byte on and its blocks are sealed by a key that only lives in memory:
whatever happens, nothing readable stays behind. Processes that are forked after it was opened share it.
"""

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile, gettempdir, mkdtemp
from types import TracebackType
from typing import Any

from connectors.whatif.workers import CONTEXT
from schemas.problems import OvergangError
from streams.ledger.sealing import Seal, new_key

_CONTEXT = b"spill"


class NoRoom(OvergangError):
    """The temporary file cannot be made or has no room to grow."""


@dataclass(frozen=True, slots=True)
class Block:
    """Where a sealed block lies in the file."""

    at: int
    length: int


class Spill:
    """`put` any value that can be pickled, `get` it by its block, in any of the processes."""

    def __init__(self) -> None:
        try:
            directory = Path(mkdtemp(prefix="overgang-"))
            try:
                self._file = TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115 - see __exit__
            finally:
                directory.rmdir()
        except OSError as failed:
            raise _no_room(failed) from failed
        self._end = CONTEXT.Value("Q", 0)
        self._seal = Seal(new_key())

    def __enter__(self) -> "Spill":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def put(self, value: Any) -> Block:
        """Seal and store a value. Raises NoRoom."""
        sealed = self._seal.seal(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), _CONTEXT)
        with self._end.get_lock():
            at = self._end.value
            self._end.value += len(sealed)
        left = memoryview(sealed)
        try:
            while left:
                left = left[os.pwrite(self._file.fileno(), left, at + len(sealed) - len(left)) :]
        except OSError as failed:
            raise _no_room(failed) from failed
        return Block(at, len(sealed))

    def get(self, block: Block) -> Any:
        """The value of a block that this program has put there itself."""
        sealed = bytearray()
        while len(sealed) < block.length:
            part = os.pread(self._file.fileno(), block.length - len(sealed), block.at + len(sealed))
            if not part:
                raise NoRoom("the temporary file is shorter than what was written to it; check the disk")
            sealed += part
        return pickle.loads(self._seal.open(bytes(sealed), _CONTEXT))


def _no_room(failed: OSError) -> NoRoom:
    return NoRoom(
        f"temporary files in {gettempdir()}: {failed.strerror}; name a directory with room in TMPDIR"
    )
