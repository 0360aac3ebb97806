"""`overgang report NAME`: follow-up numbers per municipality and month, with small groups hidden."""

import csv
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Annotated, Any

import psycopg
import typer
from sqlalchemy.exc import SQLAlchemyError

from connectors.cli.decide import instant
from connectors.cli.ledger_access import database_url, unanswered
from connectors.cli.ledger_change import existing_seal
from connectors.cli.printing import AsJson, print_json, print_table
from connectors.cli.progress import progress
from connectors.settings import Settings
from schemas.code_lists import shipped as shipped_lists
from schemas.identifiers import municipality_address
from streams.ledger.case_stream import ALL, reading_at, snapshot, stored_cases
from streams.numbers.counting import Counted
from streams.numbers.definitions import REPORTS, UNIFORMITY
from streams.numbers.observing import observed
from streams.numbers.telling import Compared, compared, told
from streams.rules.facts import danish_day
from streams.rules.ruleset import shipped as shipped_rules

_WHOLE = 1_000
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def _month(text: str) -> str:
    if not _MONTH.fullmatch(text):
        raise typer.BadParameter("write a month such as 2026-10")
    return text


def _name(text: str) -> str:
    if text not in (*REPORTS, UNIFORMITY):
        raise typer.BadParameter(f"there is no report {text!r}; choose {', '.join((*REPORTS, UNIFORMITY))}")
    return text


def report(
    name: Annotated[
        str, typer.Argument(parser=_name, metavar="NAME", help=f"{', '.join(REPORTS)} or {UNIFORMITY}.")
    ],
    from_: Annotated[str | None, typer.Option("--from", parser=_month, metavar="YYYY-MM")] = None,
    to: Annotated[str | None, typer.Option("--to", parser=_month, metavar="YYYY-MM")] = None,
    municipality: Annotated[str | None, typer.Option(help="Code of one municipality, such as 751.")] = None,
    year: Annotated[
        int | None, typer.Option(min=2000, max=2999, help=f"Of {UNIFORMITY}. Default: this year.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="RFC3339", help="As it stood then. Default: now."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
    json: AsJson = False,
) -> None:
    """Print one report. Groups of one to four people are hidden, also by difference; see docs/numbers.md."""
    if as_csv and json:
        raise typer.BadParameter("choose one", param_hint="--csv / --json")
    at = as_of or datetime.now(UTC)
    counted = _counted(at)
    if name == UNIFORMITY:
        rows = _uniformity(counted, year or danish_day(at).year, at)
        columns = [field.name for field in fields(Compared)]
        title = f"Practice of the ICS municipalities in {year or danish_day(at).year}"
    else:
        chosen = REPORTS[name]
        rows = [
            {"recipient": row.recipient, "month": row.month}
            | ({chosen.groups: row.group} if chosen.groups else {})
            | dict(row.numbers)
            for row in told(chosen, counted)
            if (from_ is None or row.month >= from_)
            and (to is None or row.month <= to)
            and (municipality is None or row.recipient == municipality_address(municipality))
        ]
        columns, title = list(rows[0]) if rows else ["recipient", "month"], chosen.title
    if json:
        print_json({"report": name, "as_of": at, "rows": rows})
    elif as_csv:
        _print_csv(columns, rows)
    else:
        _print(f"{title}, as of {at:%Y-%m-%d %H:%M} UTC", columns, rows)


def _counted(at: datetime) -> Counted:
    settings = Settings()
    url, seal = database_url(settings), existing_seal(settings.wrapping_key_file)
    book, lists, counted = shipped_rules(), shipped_lists(), Counted()
    try:
        with (
            progress("counting", _WHOLE) as advance,
            snapshot(url) as view,
            reading_at(url, view) as ledger,
        ):
            for done, case in enumerate(stored_cases(ledger, seal, ALL)):
                if case.facts and not case.stuck:
                    counted.add(observed(case.key, case.facts, book, lists, at))
                advance(_WHOLE * done // max(view.cases, 1))
    except (psycopg.Error, SQLAlchemyError) as failed:
        raise unanswered(failed) from None
    return counted


def _uniformity(counted: Counted, year: int, at: datetime) -> list[dict[str, Any]]:
    lists = shipped_lists()
    codes = sorted(lists.ics_municipalities)
    offices = [municipality_address(code) for code in codes if lists.is_ics(code, danish_day(at))]
    return [asdict(row) for row in compared(counted, year, offices)]


def _print_csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if row[name] is None else row[name] for name in columns} for row in rows)


def _print(title: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    print_table(
        title,
        [name.replace("_", " ") for name in columns],
        ([_shown(name, row[name]) for name in columns] for row in rows),
    )
    typer.echo('"-": fewer than five people, or hidden so that they cannot be worked out')


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name.startswith("share"):
        return f"{100 * value:.1f} %"
    return f"{value:g}" if isinstance(value, float) else str(value)
