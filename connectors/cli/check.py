"""`overgang check`: is every line of a file a message that the gateway would accept now?"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import orjson
import typer

from connectors.cli.input_file import opened, readable_file
from connectors.cli.message_lines import message_lines
from connectors.cli.party_argument import sending_party
from connectors.cli.printing import AsJson
from connectors.csv_files.messages import CsvMessages, flow_of_name
from schemas.cloudevent import from_structured
from schemas.code_lists import shipped
from schemas.flows import FLOWS
from schemas.identifiers import Flow, PartyAddress
from schemas.problems import InvalidMessage, Problem
from schemas.pseudonym import PseudonymKey


class _Checked(NamedTuple):
    line: int
    warnings: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


def _flow(text: str) -> Flow:
    for flow in FLOWS:
        if flow == text:
            return flow
    raise typer.BadParameter(f"choose one of {', '.join(FLOWS)}")


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
            "--flow", parser=_flow, metavar="FLOW", help="A CSV file of this flow. Default: its name says it."
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
    # Pseudonyms are made and thrown away here: any key will do, and none is written.
    key = PseudonymKey(os.urandom(32))
    if flow or file.suffix.casefold() == ".csv":
        if sender is None:
            raise typer.BadParameter("name the party that sends the CSV file with --as, /institution/280051")
        found = _csv(file, flow or flow_of_name(file.name), sender, key)
    else:
        found = _events(file, sender, key)
    checked, wrong = 0, 0
    warnings: Counter[str] = Counter()
    for line in found:
        checked += 1
        warnings.update(line.warnings)
        wrong += bool(line.problems)
        for fault in line.problems:
            if json:
                told = {"field": fault.field, "problem": fault.problem, "mend": fault.mend}
                _print_json({"line": line.line, **told})
            else:
                typer.echo(f"line {line.line}: {fault}")
    if json:
        summary = {"messages": checked, "valid": checked - wrong, "wrong": wrong}
        _print_json({**summary, "warnings": dict(sorted(warnings.items()))})
    else:
        told_warnings = "".join(f", {name} {count}" for name, count in sorted(warnings.items()))
        typer.echo(f"{checked} messages, {checked - wrong} valid, {wrong} wrong{told_warnings}")
    if wrong:
        raise typer.Exit(1)


def _events(file: Path, sender: PartyAddress | None, key: PseudonymKey) -> Iterator[_Checked]:
    lists = shipped()
    for line in message_lines(file, "checking"):
        try:
            message = from_structured(line.content, key, lists, datetime.now(UTC))
        except InvalidMessage as invalid:
            yield _Checked(line.number, (), invalid.problems)
            continue
        other = sender not in (None, message.envelope.source)
        mend = f"send {sender}, as --as says"
        yield _Checked(
            line.number,
            message.warnings,
            (Problem("source", "is another party", mend),) if other else (),
        )


def _csv(file: Path, flow: Flow, sender: PartyAddress, key: PseudonymKey) -> Iterator[_Checked]:
    with opened(file, "checking") as (content, advance):
        rows = CsvMessages(content, flow, sender, key, shipped(), lambda: datetime.now(UTC), advance)
        for row in rows:
            yield _Checked(row.line, row.message.warnings if row.message else (), row.problems)


def _print_json(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
