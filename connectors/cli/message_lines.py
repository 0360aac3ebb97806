"""The lines of a file of messages, one at a time: its size does not matter, nor that of a single line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from connectors.cli.progress import progress
from schemas.cloudevent import EVENT_LIMIT

MessageFileArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.jsonl",
        exists=True,
        dir_okay=False,
        readable=True,
        help="Structured CloudEvents, one a line.",
    ),
]


class Line(NamedTuple):
    number: int
    content: bytes
    """Without the line's end; of a line longer than any message may be only its beginning."""


def message_lines(path: Path, title: str) -> Iterator[Line]:
    """Every line that is not blank, with a progress bar where standard error is a terminal."""
    with path.open("rb") as file, progress(title, path.stat().st_size) as advance:
        number = 0
        while content := file.readline(EVENT_LIMIT + 2):
            number += 1
            rest = content
            while rest and not rest.endswith(b"\n"):
                rest = file.readline(EVENT_LIMIT)
            if stripped := content.strip():
                yield Line(number, stripped)
            advance(file.tell())
