"""`overgang simulate`: messages of a synthetic population, one a line, in the order of their arrival."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import orjson
import typer

from connectors import simulation
from connectors.cli.progress import progress
from schemas.flows import FLOWS
from schemas.problems import OvergangError


class UnwritableFile(OvergangError):
    """The file for the messages cannot be written."""


def _flow(text: str) -> str:
    for contract in FLOWS.values():
        if text == contract.flow:
            return contract.type
    raise typer.BadParameter(f"choose one of {', '.join(FLOWS)}")


def simulate(
    people: Annotated[
        int, typer.Option(min=1, help="Persons in the group, EU job-seekers among them.")
    ] = 300,
    weeks: Annotated[int, typer.Option(min=1, max=520, help="Below 26, courses are compressed.")] = 2,
    seed: Annotated[int, typer.Option(help="The same arguments give the same bytes.")] = 1,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="First day, from its midnight in Copenhagen.")
    ] = datetime.combine(simulation.DEFAULT_START, datetime.min.time()),  # noqa: B008 - a constant
    flow: Annotated[
        list[str] | None,
        typer.Option(parser=_flow, metavar="FLOW", help="Only this flow; may be given several times."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, metavar="FILE", help="Default: standard output.")
    ] = None,
) -> None:
    """Write structured CloudEvents as JSON lines; no person in them exists."""
    events = simulation.simulate(people, weeks, seed, start.date())
    wanted = set(flow or ())
    with _opened(out) as file, progress("simulating", weeks * 7) as advance:
        day = ""
        for event in events:
            if event["time"][:10] > day:
                day = event["time"][:10]
                advance((date.fromisoformat(day) - start.date()).days)
            if not wanted or event["type"] in wanted:
                file.write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))


@contextmanager
def _opened(out: Path | None) -> Iterator[BinaryIO]:
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with out.open("wb") as file:
            yield file
    except OSError as failure:
        raise UnwritableFile(
            f"--out: {failure.strerror}; name a file that can be written, on a disk with room"
        ) from failure
