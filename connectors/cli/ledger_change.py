"""The ledger for commands by which an operator changes something: through the same door as the worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg_pool import PoolTimeout

from connectors.cli.ledger_access import NoLedger, database_url
from connectors.settings import Settings
from schemas import code_lists
from schemas.problems import OvergangError
from streams.ledger.deciding import Rulebook
from streams.ledger.ledger import Ledger
from streams.ledger.sealing import Seal, load_or_make_wrapping_key
from streams.rules import rule_files


class NoKey(OvergangError):
    """A key file that belongs to the ledger is not where the settings say."""


@contextmanager
def open_for_change(settings: Settings) -> Iterator[Ledger]:
    """The configured ledger, else a running `overgang up`'s; Raises `NoLedger`, `NoKey`."""
    rulebook = Rulebook(rule_files.shipped(), code_lists.shipped())
    try:
        with Ledger(database_url(settings), existing_seal(settings.wrapping_key_file), rulebook) as ledger:
            yield ledger
    except (psycopg.Error, PoolTimeout) as failed:
        kind = type(failed).__name__
        raise NoLedger(f"the database does not answer as it should ({kind}); run `overgang doctor`") from None


def existing_seal(file: Path) -> Seal:
    """The wrapping key of a ledger that is there already: a new one would open nothing. Raises `NoKey`."""
    if not file.exists():
        raise NoKey(f"{file} is missing; restore it, or name it in OVERGANG_WRAPPING_KEY_FILE")
    return load_or_make_wrapping_key(file)
