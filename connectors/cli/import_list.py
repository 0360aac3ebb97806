"""`overgang import eu`: the state's list of open EU/EEA registrations becomes messages (F8)."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from connectors.cli.batch_sender import BatchSender
from connectors.cli.gateway_client import GatewayUrl, TokenFile, gateway_client
from connectors.cli.input_file import opened, readable_file
from connectors.cli.printing import AsJson
from connectors.csv_files.columns import shipped_table
from connectors.csv_files.rows import CsvRows
from connectors.eu_import.importing import Importing, checked_rows, would_send
from connectors.eu_import.known_cases import KnownCases
from connectors.eu_import.listed_case import ListReading
from connectors.eu_import.repeats import Repeats
from connectors.eu_import.row_result import Outcome, RowResult
from connectors.settings import Settings
from schemas.code_lists import shipped as shipped_lists
from schemas.identifiers import PartyAddress, parse_party
from schemas.pseudonym import load_or_make_key
from streams.rules.rule_files import shipped as shipped_rules

import_app = typer.Typer(help="Take over what another system has.", no_args_is_help=True)


@import_app.callback()
def _import() -> None:
    """Take over what another system has."""


def _municipality(text: str) -> PartyAddress:
    try:
        role, code = parse_party(text)
    except ValueError as mend:
        raise typer.BadParameter(str(mend)) from None
    if role != "municipality" or code not in shipped_lists().municipalities:
        raise typer.BadParameter("name the municipality that takes the list over, such as /municipality/751")
    return PartyAddress(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("write the day as year-month-day, such as 2026-01-01") from None


@import_app.command("eu")
def import_eu(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv", parser=readable_file, help="The list, a row a case; - for standard input."
        ),
    ],
    sender: Annotated[
        PartyAddress,
        typer.Option(
            "--as", parser=_municipality, metavar="ADDRESS", help="Municipality that takes it over."
        ),
    ],
    cut_over: Annotated[
        date | None,
        typer.Option(
            parser=_day,
            metavar="DATE",
            help="Day of the hand-over: earlier registrations are raised on it, so that rules and routes of "
            "that day hold. Default: the day of each registration.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row; ask and send nothing.")
    ] = False,
    url: GatewayUrl = None,
    token_file: TokenFile = None,
    json: AsJson = False,
) -> None:
    """Send each row as messages and print what became of it; exit status 1 where one is refused.

    What the gateway has is not sent again: run it as often as needed. With --json: an object a row, then the
    summary.
    """
    key = load_or_make_key(Settings().pseudonym_key_file)
    counts: Counter[str] = Counter()
    with opened(file, "checking" if dry_run else "importing") as (content, advance):
        rows = CsvRows(content, shipped_table("eu-list"), advance)
        now = datetime.now(UTC)
        reading = ListReading(rows, sender, cut_over, key, shipped_lists(), shipped_rules(), now)
        checked = checked_rows(reading, Repeats())
        if dry_run:
            _tell(would_send(checked), counts, json)
        else:
            with gateway_client(url, token_file) as client, closing(KnownCases(client)) as known:
                _tell(Importing(known, BatchSender(client), key).send(checked), counts, json)
    _summarise(counts, json)
    if counts[Outcome.REFUSED]:
        raise typer.Exit(1)


def _tell(results: Iterator[RowResult], counts: Counter[str], json: bool) -> None:
    for result in results:
        counts["rows"] += 1
        counts["messages"] += result.messages
        counts[result.outcome] += 1
        if json:
            sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE))
        else:
            typer.echo(_line(result))


def _line(result: RowResult) -> str:
    said = [result.outcome.value]
    if result.update:
        said.append("an update")
    if result.messages:
        said.append(_counted(result.messages, "message"))
    if result.outcome is not Outcome.REFUSED:
        said.append(f"handled by {result.handled_by}" if result.handled_by else "unrouted")
    said += [*result.warnings, *([result.note] if result.note else [])]
    beginning = f"line {result.line}: {result.case + ': ' if result.case else ''}"
    return "\n".join([beginning + ", ".join(said), *(f"  {problem}" for problem in result.problems)])


def _summarise(counts: Counter[str], json: bool) -> None:
    outcomes = {outcome.value: counts[outcome] for outcome in Outcome if counts[outcome]}
    if json:
        summary = {"rows": counts["rows"], "messages": counts["messages"], **outcomes}
        sys.stdout.buffer.write(orjson.dumps(summary, option=orjson.OPT_APPEND_NEWLINE))
    else:
        told = "".join(f", {count} {outcome}" for outcome, count in outcomes.items())
        typer.echo(f"{_counted(counts['rows'], 'row')}{told}; {_counted(counts['messages'], 'message')}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
