"""A file that a command reads from its beginning to its end: it may be a pipe, or `-` for standard input."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import typer

from connectors.cli.progress import Advance, progress

STANDARD_INPUT: Final = Path("-")


def readable_file(text: str) -> Path:
    """An argument that is a file, a pipe or `-`."""
    # Typer's own check looks for a file called "-", whatever `allow_dash` says.
    path = Path(text)
    if path != STANDARD_INPUT:
        if not path.exists():
            raise typer.BadParameter(f"file {text!r} does not exist.")
        if path.is_dir():
            raise typer.BadParameter(f"file {text!r} is a directory.")
        if not os.access(path, os.R_OK):
            raise typer.BadParameter(f"file {text!r} is not readable.")
    return path


class InputFile(NamedTuple):
    """`advance` is told how many bytes are read: a pipe cannot say where it stands."""

    content: BinaryIO
    advance: Advance


@contextmanager
def opened(path: Path, title: str) -> Iterator[InputFile]:
    """The file, with a progress bar where standard error is a terminal."""
    if path == STANDARD_INPUT:
        with progress(title, None) as advance:
            yield InputFile(sys.stdin.buffer, advance)
        return
    found = path.stat()
    size = found.st_size if stat.S_ISREG(found.st_mode) else None
    with path.open("rb") as file, progress(title, size) as advance:
        yield InputFile(file, advance)
