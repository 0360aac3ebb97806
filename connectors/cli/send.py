"""`overgang send`: a file of messages to a running gateway."""

import sys

import orjson
import typer

from connectors.cli.batch_sender import BatchSender, Refused, batches
from connectors.cli.gateway_client import GatewayUrl, TokenFile, gateway_client
from connectors.cli.message_lines import Line, MessageFileArgument, message_lines
from connectors.cli.printing import AsJson
from schemas.cloudevent import EVENT_LIMIT
from schemas.json_body import read_json
from schemas.problems import ErrorClass, InvalidMessage, Problem


def send(
    file: MessageFileArgument,
    url: GatewayUrl = None,
    token_file: TokenFile = None,
    json: AsJson = False,
) -> None:
    """Send each line; print those that were refused, then a summary; exit status 1 where there is any.

    With --json: one object a fault, and the summary as the last object.
    """
    sent, refused = 0, 0
    with gateway_client(url, token_file) as client:
        sender = BatchSender(client)
        for batch in batches(message_lines(file, "sending")):
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
