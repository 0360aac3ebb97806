"""`overgang replay`: all tasks rebuilt from the ledger's facts in a copy, and compared with those stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import uuid4

import psycopg
import typer
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from connectors.cli.ledger_access import database_url, unanswered
from connectors.cli.ledger_change import existing_seal
from connectors.cli.printing import AsJson, print_fields, print_json
from connectors.cli.progress import progress
from connectors.settings import Settings
from schemas import code_lists
from schemas.problems import OvergangError
from streams.ledger.deciding import Rulebook
from streams.ledger.emptiness import is_empty
from streams.ledger.replaying import Difference, Replayed
from streams.ledger.replaying import replay as replay_ledger
from streams.rules import rule_files

_WHOLE = 1_000


class ReplayDiffers(OvergangError):
    """The facts do not give the tasks that are stored; the text names the first difference."""


class NoCopy(OvergangError):
    """There is no empty database to rebuild the tasks in."""


def replay(
    into: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="An empty database to rebuild in, which stays. Default: a temporary one on the same server.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Rebuild all tasks from the facts, and name the first that is not as stored. The ledger is only read."""
    settings = Settings()
    rulebook = Rulebook(rule_files.shipped(), code_lists.shipped())
    url, seal = database_url(settings), existing_seal(settings.wrapping_key_file)
    try:
        with _copy(url, into) as copy_url, progress("replaying", _WHOLE) as advance:
            found = replay_ledger(
                url, copy_url, seal, rulebook, lambda done, cases: advance(_WHOLE * done // max(cases, 1))
            )
    except (psycopg.Error, SQLAlchemyError) as failed:
        raise unanswered(failed) from None
    if json:
        print_json(found)
    else:
        print_fields("Replay", _fields(found))
    if found.first is not None:
        raise ReplayDiffers(_told(found.first, found))


@contextmanager
def _copy(ledger_url: str, into: str | None) -> Iterator[str]:
    """URL of an empty database: the given one, or one that lives as long as the block."""
    if into is not None:
        _must_be_empty(into)
        yield into
        return
    name = f"overgang_replay_{uuid4().hex[:12]}"
    with psycopg.connect(ledger_url, autocommit=True, connect_timeout=5) as connection:
        try:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        except InsufficientPrivilege:
            raise NoCopy(
                "this database user may not make a database; make an empty one and name it with --into"
            ) from None
        try:
            yield make_url(ledger_url).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _must_be_empty(url: str) -> None:
    try:
        empty = is_empty(url)
    except psycopg.Error as failed:
        kind = type(failed).__name__
        raise NoCopy(f"--into: the database does not answer ({kind}); name one that is there") from None
    if not empty:
        raise NoCopy("--into: the database is not empty; make a new one: nothing is ever overwritten")


def _fields(found: Replayed) -> dict[str, object]:
    return {
        "cases compared": found.cases,
        "tasks rebuilt": found.tasks,
        "cases that differ": found.different,
        "stuck cases, not compared": found.stuck,
        "erased cases, not compared": found.erased,
        "cases decided by other rules": found.other_rules,
    }


def _told(first: Difference, found: Replayed) -> str:
    what = first.field or "state"
    told = (
        f"{found.different} of {found.cases} cases differ; first case {first.case}, task {first.task_id}"
        f" ({first.kind}): {what} is stored as {first.stored}, rebuilt as {first.rebuilt}"
    )
    if found.other_rules:
        return f"{told}; {found.other_rules} cases were decided by other rules: run `overgang redecide` first"
    return f"{told}; keep the database as it is and report it"
