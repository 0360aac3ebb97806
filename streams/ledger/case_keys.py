"""One AES key a case, wrapped by the wrapping key and kept in the schema `keyring`.

Destroying a case's key erases the person: everything sealed by it is then noise, in every backup too.
"""

from collections.abc import Iterable, Mapping
from threading import Lock

from psycopg import Cursor
from psycopg_pool import ConnectionPool

from schemas.identifiers import CaseKey
from schemas.problems import OvergangError
from streams.ledger.sealing import Seal, new_key

GATEWAY = b"gateway"
"""Context of what belongs to no case: quarantined originals and receipts."""
_KEPT = 20_000


class CaseErased(OvergangError):
    """The key of this case was destroyed, its content cannot be read again."""


class CaseVault:
    """Seals and opens payloads by case. Safe to share between threads.

    Unwrapped keys are kept in memory, at most 20,000 of them. A key is remembered only once the transaction
    that stored it has committed: one that was rolled back would seal what nobody can open.
    """

    def __init__(self, wrapping: Seal, pool: ConnectionPool) -> None:
        self._wrapping = wrapping
        self._pool = pool
        self._seals: dict[str, Seal] = {}
        self._lock = Lock()

    def open(self, case_key: str | None, payload: bytes) -> bytes:
        """Return the plaintext of a payload sealed for the case, or by the gateway's own key for None.

        Raises:
            CannotOpen, CaseErased, psycopg.Error
        """
        if case_key is None:
            return self._wrapping.open(payload, GATEWAY)
        seal = self._seals.get(case_key)
        if seal is None:
            with self._pool.connection() as connection, connection.cursor(binary=True) as cursor:
                found = self._stored(cursor, [case_key])
            self.remember(found)
            if case_key not in found:
                raise CaseErased(f"no key is stored for case {case_key}")
            seal = found[case_key]
        return seal.open(payload, case_key.encode())

    def seal_own(self, plaintext: bytes) -> bytes:
        """Seal what belongs to no case by the gateway's own key."""
        return self._wrapping.seal(plaintext, GATEWAY)

    def seals(self, cursor: Cursor[tuple[object, ...]], case_keys: Iterable[CaseKey]) -> dict[str, Seal]:
        """Return a seal a case; keys that are missing are made and stored in the cursor's transaction.

        The cases' rows must be locked. Hand the result to `remember` after the commit.
        """
        wanted: list[str] = sorted(set(case_keys))
        seals = {key: self._seals[key] for key in wanted if key in self._seals}
        missing = [key for key in wanted if key not in seals]
        if missing:
            seals |= self._stored(cursor, missing)
            fresh = {key: new_key() for key in missing if key not in seals}
            if fresh:
                wrapped = [self._wrapping.seal(value, key.encode()) for key, value in fresh.items()]
                cursor.execute(
                    "INSERT INTO keyring.case_keys (case_key, wrapped)"
                    " SELECT * FROM unnest(%b::text[], %b::bytea[])",
                    (list(fresh), wrapped),
                )
                seals |= {key: Seal(value) for key, value in fresh.items()}
        return seals

    def remember(self, seals: Mapping[str, Seal]) -> None:
        """Keep seals whose keys are committed."""
        with self._lock:
            if len(self._seals) + len(seals) > _KEPT:
                for key in list(self._seals)[: _KEPT // 2]:
                    del self._seals[key]
            self._seals.update(seals)

    def _stored(self, cursor: Cursor[tuple[object, ...]], case_keys: list[str]) -> dict[str, Seal]:
        cursor.execute(
            "SELECT case_key, wrapped FROM keyring.case_keys WHERE case_key = ANY(%b)", (case_keys,)
        )
        seals: dict[str, Seal] = {}
        for key, wrapped in cursor.fetchall():
            if not isinstance(wrapped, bytes):
                raise CaseErased(f"the key of case {key} was destroyed")
            seals[str(key)] = unwrapped(self._wrapping, str(key), wrapped)
        return seals


def unwrapped(wrapping: Seal, case_key: str, wrapped: bytes) -> Seal:
    """The seal of a case from its stored key. Raises CannotOpen."""
    return Seal(wrapping.open(wrapped, case_key.encode()))
