"""A backup into an empty database; nothing is ever overwritten."""

from pathlib import Path

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from connectors.backup.manifest import KEYRING, LEDGER, BackupFailed, Manifest, digest_of, read_manifest
from connectors.backup.programs import restore_from
from streams.ledger.case_stream import snapshot
from streams.ledger.emptiness import is_empty
from streams.ledger.migrate import migrate, newest_revision


def restore_backup(directory: Path, keyring: Path | None, database_url: str) -> Manifest:
    """Fill an empty database and bring it to what this version needs. `keyring`: where the case keys are.

    Raises:
        BackupFailed: a file is missing or changed, the database is not empty or does not answer.
    """
    manifest = read_manifest(directory)
    files = {LEDGER: directory / LEDGER, KEYRING: keyring or directory / KEYRING}
    for name, file in files.items():
        _must_be_whole(file, manifest.digests.get(name))
    try:
        if not is_empty(database_url):
            raise BackupFailed("the database is not empty; make a new one: nothing is ever overwritten")
        for file in files.values():
            restore_from(file, database_url)
        with snapshot(database_url) as view:
            if (view.cases, view.messages) != (manifest.cases, manifest.messages):
                raise BackupFailed(
                    f"{view.cases} cases and {view.messages} messages were restored, the backup had "
                    f"{manifest.cases} and {manifest.messages}; drop the database and take another backup"
                )
        if manifest.revision != newest_revision():
            migrate(database_url)
    except (psycopg.Error, SQLAlchemyError) as failed:
        kind = type(failed).__name__
        raise BackupFailed(f"the database does not answer as it should ({kind}); is it there?") from None
    return manifest


def _must_be_whole(file: Path, digest: str | None) -> None:
    try:
        found = digest_of(file)
    except FileNotFoundError:
        raise BackupFailed(f"{file} is missing; name the file with the case keys in --keyring") from None
    if found != digest:
        raise BackupFailed(f"{file} is not the file that this backup was made of; take another copy of it")
