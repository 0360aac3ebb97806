"""A backup while the gateway runs: both files show the ledger at one instant."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from connectors.backup.manifest import KEYRING, LEDGER, MANIFEST, BackupFailed, Manifest, digest_of
from connectors.backup.programs import dump_into
from streams.ledger.case_stream import snapshot
from streams.ledger.migrate import current_revision, newest_revision

_SCHEMA = "keyring"


def make_backup(database_url: str, directory: Path) -> Manifest:
    """Write a backup into a directory that must not be there; it bears its name only when it is whole.

    Raises:
        BackupFailed: the directory is there, the database does not answer, or a dump failed.
    """
    if directory.exists():
        raise BackupFailed(f"{directory} is there already; name a new directory")
    unfinished = directory.with_name(f"{directory.name}.unfinished")
    try:
        unfinished.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise BackupFailed(f"{unfinished} is left from a backup that was broken off; delete it") from None
    try:
        manifest = _dump(database_url, unfinished)
    except (psycopg.Error, SQLAlchemyError) as failed:
        kind = type(failed).__name__
        raise BackupFailed(
            f"the database does not answer as it should ({kind}); run `overgang doctor`"
        ) from None
    with (unfinished / MANIFEST).open("x", encoding="utf-8") as written:
        written.write(manifest.model_dump_json(indent=2) + "\n")
    unfinished.rename(directory)
    return manifest


def _dump(database_url: str, directory: Path) -> Manifest:
    revision = current_revision(database_url)
    if revision != newest_revision():
        raise BackupFailed(
            f"the database is at migration {revision or 'none'}, this version needs {newest_revision()}; "
            "back it up with the version that made it, or run `overgang migrate` first"
        )
    made_at = datetime.now(UTC)
    with snapshot(database_url) as view:
        at = f"--snapshot={view.name}"
        dump_into(directory / LEDGER, database_url, at, f"--exclude-schema={_SCHEMA}")
        dump_into(directory / KEYRING, database_url, at, f"--schema={_SCHEMA}")
    digests = {name: digest_of(directory / name) for name in (LEDGER, KEYRING)}
    return Manifest(
        made_at=made_at,
        version=version("overgang"),
        revision=revision,
        cases=view.cases,
        messages=view.messages,
        digests=digests,
    )
