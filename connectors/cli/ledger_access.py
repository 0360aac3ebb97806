"""The ledger's database for commands that read it: the configured one, else a running `overgang up`'s."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, NullPool, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from connectors.cli import run_file
from connectors.database import with_password
from connectors.settings import Settings
from schemas.problems import OvergangError

_CONNECT_SECONDS = 5


class NoLedger(OvergangError):
    """There is no database to read, or it does not answer as it should."""


class NotInLedger(OvergangError):
    """The ledger does not hold what was asked for."""


def database_url(settings: Settings) -> str:
    """Raises `NoLedger` where none is configured and nothing runs."""
    if settings.database_url is not None:
        return with_password(settings.database_url, settings)
    running = run_file.read(settings.data_directory)
    if running is None:
        raise NoLedger("no database: start `overgang up` first or set OVERGANG_DATABASE_URL")
    return running.database_url


@contextmanager
def open_ledger() -> Iterator[Connection]:
    """A read-only connection; database errors inside become `NoLedger` with the mend."""
    url = make_url(database_url(Settings())).set(drivername="postgresql+psycopg")
    options = {"connect_timeout": _CONNECT_SECONDS, "options": "-c default_transaction_read_only=on"}
    engine = create_engine(url, poolclass=NullPool, connect_args=options)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as failed:
        raise unanswered(failed) from None


def unanswered(failed: Exception) -> NoLedger:
    """What to tell of a database error; its own text may hold what a row holds."""
    kind = type(failed).__name__
    return NoLedger(f"the database does not answer as it should ({kind}); run `overgang doctor`")
