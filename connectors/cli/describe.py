"""`overgang describe`: the interfaces for machines, OpenAPI of the HTTP API and AsyncAPI of the topics."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from connectors.api_documents.texts import NAMES, text
from schemas.problems import OvergangError


class NotWritten(OvergangError):
    """The file cannot be written."""


def _name(given: str) -> str:
    if given not in NAMES:
        raise typer.BadParameter(f"choose one of {', '.join(NAMES)}")
    return given


def describe(
    name: Annotated[str, typer.Argument(metavar="openapi|asyncapi", parser=_name)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it to a file instead.")
    ] = None,
) -> None:
    """Print the description of an interface as JSON; nothing needs to run."""
    if out is None:
        sys.stdout.buffer.write(text(name))
        sys.stdout.flush()
        return
    try:
        out.write_bytes(text(name))
    except OSError as failed:
        raise NotWritten(f"{out}: {failed.strerror}; name a file that can be written") from None
