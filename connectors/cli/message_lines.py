"""The lines of a file of messages, one at a time: its size does not matter, nor that of a single line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, NamedTuple

import typer

from connectors.cli.input_file import opened, readable_file
from connectors.cli.progress import Advance
from schemas.cloudevent import EVENT_LIMIT

MessageFileArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.jsonl",
        parser=readable_file,
        help="Structured CloudEvents, one a line; - for standard input.",
    ),
]


class Line(NamedTuple):
    number: int
    content: bytes
    """Without the line's end; of a line longer than any message may be only its beginning."""


def message_lines(path: Path, title: str) -> Iterator[Line]:
    """Every line that is not blank, with a progress bar where standard error is a terminal."""
    with opened(path, title) as (file, advance):
        yield from lines_of(file, advance)


def lines_of(file: BinaryIO, advance: Advance = lambda _: None) -> Iterator[Line]:
    """Every line of an opened file that is not blank. `advance` is told how many bytes are read.

    An event that an editor or `jq` has spread over indented lines, from a line `{` to a line `}`, counts as
    one, under the number of its first.
    """
    began, parts, held, read = 0, list[bytes](), 0, 0
    for number, (content, size) in enumerate(_whole_lines(file), 1):
        ends = content.rstrip() == b"}"
        if parts and held <= EVENT_LIMIT and (ends or content[:1] in (b" ", b"\t")):
            parts.append(content)
            held += len(content)
        else:
            yield from _told(began, parts)
            began, parts, held = number, [content], len(content)
        if ends or parts[0].rstrip() != b"{":
            yield from _told(began, parts)
            parts = []
        read += size
        advance(read)
    yield from _told(began, parts)


def _whole_lines(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Each line, of a very long one only the beginning, and how many bytes it has."""
    while content := file.readline(EVENT_LIMIT + 2):
        rest, size = content, len(content)
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(EVENT_LIMIT)
            size += len(rest)
        yield content, size


def _told(first: int, parts: list[bytes]) -> Iterator[Line]:
    if content := b"".join(parts).strip():
        yield Line(first, content)
