"""A ledger knows the keys it was begun with: another key would give every citizen a second case."""

import hmac
from typing import Any, cast

from psycopg import Cursor

from schemas.problems import OvergangError
from schemas.pseudonym import PseudonymKey


class WrongKey(OvergangError):
    """The pseudonym key is not the one that this ledger was begun with."""


def check(cursor: Cursor[Any], key: PseudonymKey) -> None:
    """Store the key's fingerprint on first use; later it must be the same key.

    Raises:
        WrongKey: it is another one, such as a new one made where the file was lost.
    """
    fingerprint = hmac.digest(key, b"fingerprint of the pseudonym key", "sha256")[:16]
    cursor.execute(
        "INSERT INTO keyring.fingerprints (key, fingerprint) VALUES ('pseudonym', %s) ON CONFLICT DO NOTHING",
        (fingerprint,),
    )
    cursor.execute("SELECT fingerprint FROM keyring.fingerprints WHERE key = 'pseudonym'")
    if cast(tuple[bytes], cursor.fetchone())[0] != fingerprint:
        raise WrongKey(
            "the pseudonym key is not the one this ledger was begun with; restore the key file"
            " from its backup, or name it in OVERGANG_PSEUDONYM_KEY_FILE"
        )
