"""`overgang files`: what parties put into their folders is sent, and answered by a file."""

import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from connectors.cli.gateway_client import GatewayUrl, TokenFile, gateway_client
from connectors.cli.log_lines import log_as_json
from connectors.cli.party_argument import sending_party
from connectors.files.folders import make_folder
from connectors.files.reading import FileReading
from connectors.files.watch import Stopping, Watch
from connectors.settings import Settings
from schemas.code_lists import shipped
from schemas.identifiers import PartyAddress
from schemas.problems import OvergangError
from schemas.pseudonym import load_or_make_key


def files(
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where the parties' folders are.")],
    make: Annotated[
        list[PartyAddress] | None,
        typer.Option(
            "--make", parser=sending_party, metavar="ADDRESS", help="Make a party's folder and end."
        ),
    ] = None,
    once: Annotated[
        bool,
        typer.Option("--once", help="Look twice, take what is whole, and end; exit status 1 if any waits."),
    ] = False,
    seconds: Annotated[
        float,
        typer.Option(
            "--seconds", min=0.05, max=3600, help="Between two looks: a file that changes is not whole."
        ),
    ] = 5.0,
    url: GatewayUrl = None,
    token_file: TokenFile = None,
) -> None:
    """Watch the folders until SIGTERM or Ctrl-C; each file is answered in its party's `results/`."""
    if make:
        for party in make:
            typer.echo(_made(directory, party))
        return
    if not directory.is_dir():
        raise typer.BadParameter("DIRECTORY does not exist; make a party's folder in it with --make")
    log_as_json()
    stopping = threading.Event()

    def go_on() -> None:
        if stopping.is_set():
            raise Stopping

    def wait(at_most: float) -> None:
        stopping.wait(at_most)
        go_on()

    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: stopping.set())
    key = load_or_make_key(Settings().pseudonym_key_file)
    reading = FileReading(key, shipped(), lambda: datetime.now(UTC))
    watch = Watch(directory, reading, lambda: gateway_client(url, token_file), wait, go_on)
    try:
        settled = watch.look()
        while True:
            wait(seconds)
            settled = watch.look()
            if once:
                raise typer.Exit(0 if settled else 1)
    except Stopping:
        return


def _made(directory: Path, party: PartyAddress) -> Path:
    try:
        return make_folder(directory, party)
    except OSError as failure:
        raise OvergangError(
            f"the folder of {party} cannot be made ({failure.strerror}); let this user write in {directory}"
        ) from failure
