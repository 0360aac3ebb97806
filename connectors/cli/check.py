"""`overgang check`: is every line of a file a message that the gateway would accept now?"""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import orjson
import typer

from connectors.cli.checked_lines import checked_lines, named_flow
from connectors.cli.input_file import readable_file
from connectors.cli.party_argument import sending_party
from connectors.cli.printing import AsJson
from schemas.identifiers import Flow, PartyAddress


def check(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            parser=readable_file,
            help="Structured CloudEvents, one a line; or a CSV file; - for standard input.",
        ),
    ],
    flow: Annotated[
        Flow | None,
        typer.Option(
            "--flow",
            parser=named_flow,
            metavar="FLOW",
            help="A CSV file of this flow. Default: its name says it.",
        ),
    ] = None,
    sender: Annotated[
        PartyAddress | None,
        typer.Option("--as", parser=sending_party, metavar="ADDRESS", help="Party that sends the file."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Print each fault with its line, field and mend, then a summary; exit status 1 where there is any.

    With --json: one object a fault, and the summary as the last object.
    """
    found = checked_lines(file, flow, sender)
    checked, wrong = 0, 0
    warnings: Counter[str] = Counter()
    for line in found:
        checked += 1
        warnings.update(line.warnings)
        wrong += bool(line.problems)
        for fault in line.problems:
            if json:
                told = {"field": fault.field, "problem": fault.problem, "mend": fault.mend}
                _print_json({"line": line.number, **told})
            else:
                typer.echo(f"line {line.number}: {fault}")
    if json:
        summary = {"messages": checked, "valid": checked - wrong, "wrong": wrong}
        _print_json({**summary, "warnings": dict(sorted(warnings.items()))})
    else:
        told_warnings = "".join(f", {name} {count}" for name, count in sorted(warnings.items()))
        typer.echo(f"{checked} messages, {checked - wrong} valid, {wrong} wrong{told_warnings}")
    if wrong:
        raise typer.Exit(1)


def _print_json(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
