"""`overgang report NAME`: follow-up numbers per municipality and month, with small groups hidden."""

import csv
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import psycopg
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from connectors.cli.ledger_access import database_url, unanswered
from connectors.cli.ledger_change import existing_seal
from connectors.cli.printing import AsJson, print_json
from connectors.cli.progress import progress
from connectors.settings import Settings
from schemas.code_lists import CodeLists
from schemas.code_lists import shipped as shipped_lists
from schemas.identifiers import municipality_address
from streams.ledger.case_stream import ALL, reading_at, snapshot, stored_cases
from streams.numbers.counting import Counted
from streams.numbers.observing import observed
from streams.numbers.telling import EVERYBODY, Row, mentor_rows, open_rows, side_by_side, task_rows
from streams.rules.facts import danish_day
from streams.rules.rule_files import shipped as shipped_rules

_WHOLE: Final = 1_000
_WIDE: Final = 240
_HIDDEN: Final = "·"
_REPORTS: Final[dict[str, tuple[str, Callable[[Counted, str], Iterator[Row]]]]] = {
    "contact": (
        "From a notice in the duty window to contact with the young person",
        lambda counted, year: task_rows(counted, {"CONTACT_YOUNG_PERSON"}, year),
    ),
    "tasks": ("Tasks by kind", lambda counted, year: task_rows(counted, None, year)),
    "exchange": (
        "Contact persons sent to schools, and answered",
        lambda counted, year: task_rows(counted, {"SEND_CONTACT"}, year),
    ),
    "mentor": ("What was done about mentors", mentor_rows),
    "eu": (
        "EU/EEA registrations, and days to U009",
        lambda counted, year: task_rows(counted, {"SEND_U009"}, year),
    ),
    "open-cases": ("People with an unfinished task, by the age of the oldest", open_rows),
    "uniformity": (
        "Practice of the ICS municipalities, with 95 % intervals",
        lambda counted, year: side_by_side(counted, _offices(shipped_lists()), year),
    ),
}


def _name(text: str) -> str:
    if text not in _REPORTS:
        raise typer.BadParameter(f"there is no such report; choose {', '.join(_REPORTS)}")
    return text


def report(
    name: Annotated[str, typer.Argument(parser=_name, metavar="NAME", help=f"{', '.join(_REPORTS)}.")],
    year: Annotated[
        int | None, typer.Option(min=2000, max=2999, help="Calendar year. Default: this one.")
    ] = None,
    municipality: Annotated[
        str | None, typer.Option(metavar="CODE", help="Rows of one municipality only, such as 751.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
    json: AsJson = False,
) -> None:
    """Print the follow-up numbers of a year. Groups of one to four people are hidden; see docs/numbers.md."""
    if as_csv and json:
        raise typer.BadParameter("choose one of the two", param_hint="--csv / --json")
    now = datetime.now(UTC)
    title, rows_of = _REPORTS[name]
    told = str(year or danish_day(now).year)
    found = list(rows_of(_counted(now), told))
    if municipality is not None:
        found = [row for row in found if row.recipient == municipality_address(municipality)]
    rows = [_flat(row) for row in found]
    columns = list(dict.fromkeys(column for row in rows for column in row)) or ["of", "recipient", "period"]
    if json:
        print_json({"report": name, "as_of": now, "rows": rows})
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, ["as_of", *columns], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"as_of": now.isoformat(timespec="seconds")} | row for row in rows)
    else:
        _print(f"{title}, {told}, as of {now:%Y-%m-%d %H:%M} UTC", columns, rows)


def _counted(now: datetime) -> Counted:
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
                    counted.add(observed(case.key, case.facts, book, lists, now))
                advance(_WHOLE * done // max(view.cases, 1))
    except (psycopg.Error, SQLAlchemyError) as failed:
        raise unanswered(failed) from None
    return counted


def _offices(lists: CodeLists) -> list[str]:
    today = danish_day(datetime.now(UTC))
    return [municipality_address(c) for c in sorted(lists.ics_municipalities) if lists.is_ics(c, today)]


def _flat(row: Row) -> dict[str, Any]:
    return {"of": row.of, "recipient": row.recipient, "period": row.period} | row.numbers


def _print(title: str, columns: list[str], rows: list[dict[str, Any]]) -> None:
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE)
    for column in columns:
        words = column in ("of", "recipient", "period")
        table.add_column(column.replace("_", " "), justify="left" if words else "right")
    names: dict[str, str] = {
        municipality_address(c): held[0].name for c, held in shipped_lists().municipalities.items()
    }
    for row in rows:
        table.add_row(*(_shown(column, row.get(column), names) for column in columns))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    console.print(table)
    console.print(f'"{_HIDDEN}": too few people, or it would give such a number away, or nothing to measure')


def _shown(column: str, value: Any, names: dict[str, str]) -> str:
    if value is None:
        return _HIDDEN
    if column == "recipient":
        return "whole country" if value == EVERYBODY else f"{value} {names.get(value, '')}".strip()
    if isinstance(value, float) and not column.startswith("days"):
        return f"{100 * value:.1f} %"
    return f"{value:g}" if isinstance(value, float) else str(value)
