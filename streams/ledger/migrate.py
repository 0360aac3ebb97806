"""Bring a database to the schema this version needs."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from streams.ledger.engine import engine_for

_LOCK = 7_301_000
"""Advisory lock under which one process at a time migrates."""


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def migrate(database_url: str) -> str:
    """Run what is missing, one process at a time. Return the revision that was reached."""
    engine = engine_for(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS keyring"))
        command.upgrade(_config(connection), "head")
        return MigrationContext.configure(connection).get_current_revision() or ""


def newest_revision() -> str:
    """The revision that this version of the code needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current_revision(database_url: str) -> str | None:
    """The revision a database is at; None where nothing was ever migrated."""
    with engine_for(database_url).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
