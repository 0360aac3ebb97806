"""Runs PostgreSQL's own programs for dump and restore. No password gets onto a command line."""

import re
import subprocess
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from connectors.backup.manifest import BackupFailed
from connectors.embedded.child import clean_environment
from connectors.embedded.postgres_programs import program

_QUOTED: Final = re.compile(r'"[^"]*"|\'[^\']*\'')


def dump_into(file: Path, database_url: str, *options: str) -> None:
    """`pg_dump` in the custom format into a new file, mode 600. Raises BackupFailed."""
    with file.open("xb") as output:
        file.chmod(0o600)
        _run("pg_dump", database_url, ["--format=custom", *options], output)


def restore_from(file: Path, database_url: str) -> None:
    """`pg_restore`, all of a file or nothing; all becomes the restoring user's. Raises BackupFailed."""
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    with file.open("rb") as dump:
        _run("pg_restore", database_url, options, subprocess.DEVNULL, dump)


def _run(name: str, database_url: str, options: list[str], output: object, dump: object = None) -> None:
    parameters = conninfo_to_dict(database_url)
    password = parameters.pop("password", None)
    command = [*program(name), f"--dbname={make_conninfo('', **parameters)}", "--no-password", *options]
    done = subprocess.run(
        command,
        stdin=dump or subprocess.DEVNULL,  # type: ignore[call-overload]
        stdout=output,
        stderr=subprocess.PIPE,
        env=clean_environment() | ({"PGPASSWORD": str(password)} if password else {}),
        check=False,
    )
    if done.returncode != 0:
        raise BackupFailed(f"{name} ended with status {done.returncode}: {_told(done.stderr)}")


def _told(errors: bytes) -> str:
    """The first line without what it quotes: that may be of a row."""
    lines = errors.decode("utf-8", "replace").splitlines()
    return _QUOTED.sub('"..."', lines[0]) if lines else "it said nothing"
