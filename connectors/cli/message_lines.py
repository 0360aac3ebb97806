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
    """Every line of an opened file that is not blank. `advance` is told how many bytes are read."""
    number = read = 0
    while content := file.readline(EVENT_LIMIT + 2):
        number += 1
        rest = content
        read += len(content)
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(EVENT_LIMIT)
            read += len(rest)
        if stripped := content.strip():
            yield Line(number, stripped)
        advance(read)
