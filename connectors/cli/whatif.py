"""`overgang whatif`: what another set of rules would change, over a file of messages or the whole ledger."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TextIO

import psycopg
import typer

from connectors.cli.decide import instant
from connectors.cli.ledger_access import database_url, unanswered
from connectors.cli.ledger_change import existing_seal
from connectors.cli.printing import AsJson, print_json
from connectors.cli.rule_choice import chosen_book
from connectors.cli.simulate import UnwritableFile
from connectors.cli.whatif_report import print_report, report
from connectors.settings import Settings
from connectors.whatif.from_file import outcomes_of_file
from connectors.whatif.from_ledger import LedgerDesk, outcomes_of_ledger
from connectors.whatif.judging import HEADER, Judging, Outcome
from schemas.code_lists import shipped as shipped_lists
from schemas.pseudonym import load_or_make_key
from streams.comparison import Period

_LEDGER = "ledger"


def whatif(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|ledger",
            help="Structured CloudEvents, one a line, in any order; or the facts of the ledger.",
        ),
    ],
    rules: Annotated[
        list[str],
        typer.Option(metavar="ID|DIRECTORY", help="Twice: the rules before, and the rules after."),
    ],
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], metavar="DATE", help="Tasks that open on it or later."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], metavar="DATE", help="Tasks that open on it or earlier."),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="RFC3339", help="Later messages are not seen. Default: now."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(dir_okay=False, metavar="FILE", help="One row for each task that differs."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Compare the tasks of two rule sets: added, gone, moved, by kind and by municipality."""
    if len(rules) != 2:
        raise typer.BadParameter("name two: --rules BEFORE --rules AFTER", param_hint="--rules")
    before, after = map(chosen_book, rules)
    period = Period(since and since.date(), until and until.date())
    judging = Judging(before, after, shipped_lists(), as_of or datetime.now(UTC), period)
    total = Outcome()
    with _rows_file(csv) as rows:
        for outcome in _outcomes(source, judging):
            total.add(outcome)
            if rows is not None:
                rows.write(outcome.rows)
    found = report(rules[0], rules[1], total)
    if json:
        print_json(found)
    else:
        print_report(found)


def _outcomes(source: str, judging: Judging) -> Iterator[Outcome]:
    settings = Settings()
    if source == _LEDGER:
        try:
            desk = LedgerDesk(database_url(settings), existing_seal(settings.wrapping_key_file), judging)
            yield from outcomes_of_ledger(desk)
        except psycopg.Error as failed:
            raise unanswered(failed) from None
        return
    path = Path(source)
    if not path.is_file():
        raise typer.BadParameter(
            f"{source!r} is no file; name a file of messages (no pipe: it is read from several places), or"
            " write ledger",
            param_hint="FILE|ledger",
        )
    key = load_or_make_key(settings.pseudonym_key_file)
    yield from outcomes_of_file(path, key, judging)


@contextmanager
def _rows_file(path: Path | None) -> Iterator[TextIO | None]:
    """A file that appears under its name when it is whole; None where none is asked for."""
    if path is None:
        yield None
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with draft.open("x", encoding="utf-8", newline="") as file:
            file.write(",".join(HEADER) + "\n")
            yield file
        draft.replace(path)
    except OSError as failure:
        raise UnwritableFile(
            f"--csv: {failure.strerror}; name a file that can be written, on a disk with room"
        ) from failure
    finally:
        draft.unlink(missing_ok=True)
