"""`overgang database roles`: users of the database and their rights against what they should be."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from psycopg import Connection

from connectors.cli.ledger_access import database_url, unanswered
from connectors.cli.printing import AsJson, print_json, print_table
from connectors.settings import Settings
from schemas.password_file import password_in
from schemas.problems import OvergangError
from streams.database_roles import DatabaseRoles, shipped_roles
from streams.ledger.roles import RolesPlan, plan, told
from streams.ledger.roles import apply as apply_plan

database = typer.Typer(help="The ledger's database: who may do what in it.")
roles = typer.Typer(help="The database's users and their rights, against what they should be.")
database.add_typer(roles, name="roles")


class NoPasswords(OvergangError):
    """The directory holds no password of a user of ours."""


@dataclass(frozen=True, slots=True)
class Line:
    """One change in words."""

    action: str
    what: str
    detail: str


@roles.command()
def diff(json: AsJson = False) -> None:
    """Show what `apply` would change, and change nothing; exit status 1 where something differs."""
    with _connected(Settings()) as connection:
        found = plan(connection, shipped_roles())
    _print(found, json)
    if found:
        raise typer.Exit(1)


@roles.command()
def apply(
    passwords: Annotated[
        Path | None,
        typer.Option(
            metavar="DIRECTORY", help="Set the password of each user that has a USER.password there."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Print the plan and make it so, as the owner of the tables. Drops no user; may be repeated."""
    wanted = shipped_roles()
    given = {} if passwords is None else _passwords(passwords, wanted)
    with _connected(Settings()) as connection:
        found = plan(connection, wanted)
        _print(found, json)
        apply_plan(connection, wanted, found, given)
    if given and not json:
        typer.echo(f"{len(given)} passwords set")


def _passwords(directory: Path, wanted: DatabaseRoles) -> dict[str, str]:
    files = {user: directory / f"{user}.password" for user in wanted.users.values()}
    found = {user: password_in(file, "--passwords") for user, file in files.items() if file.exists()}
    if not found:
        names = ", ".join(file.name for file in files.values())
        raise NoPasswords(f"{directory} holds no password; put one line of mode 600 into any of {names}")
    return found


def _print(found: RolesPlan, json: bool) -> None:
    lines = [Line(*words) for words in told(found)]
    if json:
        print_json(lines)
        return
    rows = ((line.action, line.what, line.detail) for line in lines)
    print_table(f"{len(lines)} differences", ("", "what", "detail"), rows)


@contextmanager
def _connected(settings: Settings) -> Iterator[Connection[Any]]:
    try:
        with psycopg.connect(database_url(settings), connect_timeout=5, autocommit=True) as connection:
            yield connection
    except psycopg.Error as failed:
        raise unanswered(failed) from None
