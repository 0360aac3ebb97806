"""`overgang backup`: the ledger into a directory while it runs, and from there into an empty database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from connectors.backup.making import make_backup
from connectors.backup.manifest import Manifest
from connectors.backup.restoring import restore_backup
from connectors.cli.ledger_access import database_url
from connectors.cli.printing import AsJson, print_fields, print_json
from connectors.database import with_password
from connectors.embedded.postgres import EmbeddedPostgres
from connectors.settings import Settings

backup = typer.Typer(no_args_is_help=True, help="Copy the ledger, and restore a copy.")

Directory = Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Of the backup.")]


@backup.command()
def make(directory: Directory, json: AsJson = False) -> None:
    """Copy the ledger into a new directory, as it is at one instant, while the gateway runs.

    `ledger.dump` holds everything but the case keys, `keyring.dump` these: keep the two apart where you can,
    and both apart from the key files, which are in neither.
    """
    _print("Backup", make_backup(database_url(Settings()), directory), json)


@backup.command()
def restore(
    directory: Directory,
    keyring: Annotated[
        Path | None, typer.Option(help="`keyring.dump`, where it is kept apart.", show_default=False)
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="An empty database. Default: the configured one, else the data directory's.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Fill an empty database from a backup. The gateway must not run on it yet."""
    with _target(into) as url:
        _print("Restored", restore_backup(directory, keyring, url), json)


@contextmanager
def _target(into: str | None) -> Iterator[str]:
    settings = Settings()
    if into is not None:
        yield into
        return
    if settings.database_url is not None:
        yield with_password(settings.database_url, settings)
        return
    with EmbeddedPostgres(settings.data_directory / "postgres") as server:
        yield server.url


def _print(title: str, manifest: Manifest, json: bool) -> None:
    if json:
        print_json(manifest.model_dump(mode="json"))
    else:
        print_fields(title, manifest.model_dump(exclude={"digests"}))
