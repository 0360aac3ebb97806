"""Lines of a large file by their place in it, so that several processes can read one file."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from schemas.cloudevent import EVENT_LIMIT

_SLICE = 4 << 20


class Stretch(NamedTuple):
    """The lines that begin from `start` up to, not including, `end` (bytes)."""

    start: int
    end: int


class PlacedLine(NamedTuple):
    offset: int
    content: bytes
    """Without blanks at its ends; of a line longer than any message only the beginning."""


def stretches(size: int, length: int) -> list[Stretch]:
    """A file of `size` bytes cut into stretches."""
    return [Stretch(start, min(start + length, size)) for start in range(0, size, length)]


def lines_in(path: Path, stretch: Stretch) -> Iterator[PlacedLine]:
    """Every line of the stretch that is not blank."""
    with path.open("rb") as file:
        at = stretch.start
        if at:
            # The line that the stretch begins in belongs to the one before, unless it begins right here.
            file.seek(at - 1)
            _to_line_end(file, b"")
            at = file.tell()
        while at < stretch.end:
            content = file.readline(EVENT_LIMIT + 2)
            if not content:
                return
            _to_line_end(file, content)
            if stripped := content.strip():
                yield PlacedLine(at, stripped)
            at = file.tell()


def lines_at(path: Path, offsets: Iterable[int]) -> Iterator[PlacedLine]:
    """The lines that begin at these places."""
    with path.open("rb") as file:
        for offset in offsets:
            file.seek(offset)
            yield PlacedLine(offset, file.readline(EVENT_LIMIT + 2).strip())


def line_numbers(path: Path, offsets: Iterable[int]) -> dict[int, int]:
    """The number, from 1, of the line that begins at each place."""
    numbers: dict[int, int] = {}
    number, at = 1, 0
    with path.open("rb") as file:
        for offset in sorted(offsets):
            while at < offset:
                part = file.read(min(_SLICE, offset - at))
                number += part.count(b"\n")
                at += len(part)
            numbers[offset] = number
    return numbers


def _to_line_end(file: BinaryIO, read: bytes) -> None:
    while not read.endswith(b"\n"):
        read = file.readline(EVENT_LIMIT)
        if not read:
            return
