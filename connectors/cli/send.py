"""`overgang send`: a file of messages to a running gateway."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import httpx
import orjson
import typer

from connectors.access.own_token import GivenToken, local_credential
from connectors.cli import run_file
from connectors.cli.batch_sender import BATCH_BYTES, BATCH_ITEMS, BatchSender, Refused
from connectors.cli.message_lines import Line, MessageFileArgument, message_lines
from connectors.cli.printing import AsJson
from connectors.settings import Settings
from schemas.cloudevent import EVENT_LIMIT
from schemas.json_body import read_json
from schemas.problems import ErrorClass, InvalidMessage, Problem

_TIMEOUT_SECONDS = 60.0


def _address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise typer.BadParameter("write it with its scheme, such as http://127.0.0.1:8080")
    return text


def send(
    file: MessageFileArgument,
    url: Annotated[
        str | None,
        typer.Option(
            parser=_address,
            metavar="URL",
            help="Address of the API. Default: the gateway of `overgang up`, else the settings'.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            readable=True,
            help="File with a bearer token. Default: this machine's own, which may send for every party.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Send each line; print those that were refused, then a summary; exit status 1 where there is any.

    With --json: one object a fault, and the summary as the last object.
    """
    sent, refused = 0, 0
    credential = GivenToken(token_file) if token_file else local_credential(Settings())
    with httpx.Client(
        base_url=url or _running(), timeout=_TIMEOUT_SECONDS, trust_env=False, auth=credential
    ) as client:
        sender = BatchSender(client)
        for batch in _batches(message_lines(file, "sending")):
            unreadable = {fault.line: fault for fault in map(_unreadable, batch) if fault is not None}
            readable = [line for line in batch if line.number not in unreadable]
            sent += len(batch)
            answers = sender.send(readable) if readable else iter(())
            for refusal in sorted((*unreadable.values(), *answers), key=lambda refusal: refusal.line):
                refused += 1
                _print(refusal, json)
    summary = {"sent": sent, "accepted": sent - refused, "refused": refused}
    if json:
        sys.stdout.buffer.write(orjson.dumps(summary, option=orjson.OPT_APPEND_NEWLINE))
    else:
        typer.echo(f"{sent} messages, {sent - refused} accepted, {refused} refused")
    if refused:
        raise typer.Exit(1)


def _running() -> str:
    settings = Settings()
    running = run_file.read(Path(settings.data_directory))
    return running.http if running else f"http://{settings.http_host}:{settings.http_port}"


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == BATCH_ITEMS or size + len(line.content) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.content)
    if batch:
        yield batch


def _unreadable(line: Line) -> Refused | None:
    """What would make a whole batch unreadable is found here."""
    try:
        if len(line.content) > EVENT_LIMIT:
            fault = Problem("body", f"has more than {EVENT_LIMIT} bytes", "shorten its texts")
            raise InvalidMessage(ErrorClass.TOO_LARGE, (fault,))
        read_json(line.content, "body")
    except InvalidMessage as invalid:
        faults = ({"field": p.field, "problem": p.problem, "mend": p.mend} for p in invalid.problems)
        return Refused(line.number, tuple(faults))
    return None


def _print(refused: Refused, json: bool) -> None:
    for fault in refused.faults:
        if json:
            told = {"line": refused.line, **fault}
            sys.stdout.buffer.write(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
        else:
            typer.echo(f"line {refused.line}: {fault['field']}: {fault['problem']}; {fault['mend']}")
