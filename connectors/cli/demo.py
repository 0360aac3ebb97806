"""`overgang demo`: a simulated fortnight through the whole gateway, on a real Kafka and PostgreSQL."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import httpx
import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Connection

from connectors.access.own_token import local_credential
from connectors.cli.batch_sender import BATCH_ITEMS, BatchSender
from connectors.cli.demo_pages import show_addresses, show_case, show_equation, show_task, show_to_do
from connectors.cli.gateway import LOOK_SECONDS, OWNED, Gateway, gateway, interrupted_by_signals
from connectors.cli.message_lines import Line
from connectors.database import with_password
from connectors.embedded.failures import DirectoryInUse
from connectors.embedded.ownership import LOCK, claim, disown
from connectors.settings import Settings
from connectors.simulation import simulate
from schemas.problems import OvergangError
from streams.ledger.engine import engine_for
from streams.ledger.overview import OutcomeCounts, outcome_counts, unpublished

_PREFIX = "overgang-demo-"
_PATIENCE_SECONDS = 120.0
_STEPS = 5
_TOLD = {
    "broker": "Apache Kafka is ready",
    "database": "PostgreSQL is ready",
    "http": "worker and API are ready",
}


class DemoFailed(OvergangError):
    """The demo did not come out as it must."""


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the tables.")] = False,
    people: Annotated[int, typer.Option(min=1, max=20_000, help="Young people to simulate.")] = 300,
    weeks: Annotated[int, typer.Option(min=1, max=52)] = 2,
    seed: Annotated[int, typer.Option(help="Another number, another population.")] = 1,
) -> None:
    """Show the gateway at work: synthetic schools and municipalities, real broker and database."""
    console = Console(highlight=False)
    interrupted_by_signals()
    began = time.monotonic()
    steps = _Steps(console, began)
    try:
        with _directory() as directory:
            settings = Settings(data_directory=directory, http_port=0, worker_port=0)
            with gateway(settings, steps.of_gateway) as running:
                sent = _send(console, running, _fortnight(people, weeks, seed), local_credential(settings))
                steps.done(f"{sent:,} messages taken by the API, acknowledged by Kafka")
                counts = _wait_for_outcomes(running, sent)
                steps.done("every message decided, every task published to its recipient")
                _show(console, running, sent, counts)
                console.print(f"\nFrom nothing to here in {time.monotonic() - began:.0f} s.")
                if not once:
                    _stay(console, running, directory)
    except KeyboardInterrupt:
        console.print("\nStopped; nothing is left running.")


class _Steps:
    """Numbered lines of progress with the seconds since the beginning."""

    def __init__(self, console: Console, began: float) -> None:
        self._console = console
        self._began = began
        self._number = 0

    def done(self, text: str) -> None:
        self._number += 1
        seconds = time.monotonic() - self._began
        self._console.print(f"[bold]{self._number}/{_STEPS}[/] {text} [dim]({seconds:.1f} s)[/]")

    def of_gateway(self, name: str, what: str) -> None:
        """A step of starting the gateway; downloads are told while they last."""
        if name == "download":
            self._console.print(
                f"    [dim]downloaded {what}[/]", end="\r" if self._console.is_terminal else "\n"
            )
        elif name in _TOLD:
            self.done(_TOLD[name])


def _fortnight(people: int, weeks: int, seed: int) -> list[Line]:
    """Messages of the weeks up to today, in the order of their arrival."""
    start = datetime.now(UTC).date() - timedelta(weeks=weeks)
    events = simulate(people, weeks, seed, start)
    return [Line(number, orjson.dumps(event)) for number, event in enumerate(events, 1)]


def _send(console: Console, running: Gateway, lines: list[Line], credential: httpx.Auth) -> int:
    """POST the messages in batches; return how many were taken."""
    bar = Progress(
        TextColumn("    sending"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    address = running.addresses.http
    with httpx.Client(base_url=address, timeout=60, trust_env=False, auth=credential) as client, bar:
        sender, shown = BatchSender(client), bar.add_task("sending", total=len(lines))
        for first in range(0, len(lines), BATCH_ITEMS):
            batch = lines[first : first + BATCH_ITEMS]
            if refused := list(sender.send(batch)):
                fault = refused[0].faults[0]
                raise DemoFailed(
                    f"message {refused[0].line} was refused: {fault['field']}: {fault['problem']}"
                )
            bar.advance(shown, len(batch))
    return len(lines)


def _wait_for_outcomes(running: Gateway, sent: int) -> OutcomeCounts:
    """Return when every input has its outcome and every message to a recipient is with the broker."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    pause = threading.Event()
    with _ledger(running) as ledger:
        while True:
            running.check()
            counts = outcome_counts(ledger)
            if counts.total >= sent and not unpublished(ledger):
                return counts
            if time.monotonic() > give_up:
                raise DemoFailed(
                    f"{counts.total} of {sent} messages have an outcome after {_PATIENCE_SECONDS:.0f} s"
                )
            ledger.rollback()
            pause.wait(LOOK_SECONDS)


def _show(console: Console, running: Gateway, sent: int, counts: OutcomeCounts) -> None:
    with _ledger(running) as ledger:
        show_to_do(console, ledger)
        show_task(console, ledger)
        show_case(console, ledger)
        show_equation(console, sent, counts)
        if counts.total != sent:
            raise DemoFailed(f"{sent} inputs, {counts.total} outcomes: report this")


def _stay(console: Console, running: Gateway, directory: Path) -> None:
    with _ledger(running) as ledger:
        show_addresses(console, ledger, running.addresses.http, directory)
    console.print("[bold]Running.[/] Ctrl-C stops everything.")
    running.stay()


@contextmanager
def _ledger(running: Gateway) -> Iterator[Connection]:
    with engine_for(with_password(running.addresses.database_url, Settings())).connect() as connection:
        yield connection


@contextmanager
def _directory() -> Iterator[Path]:
    """A data directory of this demo alone; what killed demos left is swept first."""
    place = Path(tempfile.gettempdir())
    for other in place.glob(f"{_PREFIX}*"):
        if (other / OWNED / LOCK).exists() and other.owner() == Path.home().owner():
            with suppress(DirectoryInUse):
                disown(claim(other / OWNED))
                shutil.rmtree(other, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as directory:
        yield Path(directory)
