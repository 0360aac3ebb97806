"""Counts what systems wrote that could not be accepted; too much of it suspends the one that wrote it.

Only what a system signed itself counts, and each signature once: nobody suspends another by writing in its
name, nor by copying what it wrote. What the HTTP API has sealed was checked there; when a worker refuses it
nevertheless, that is our own fault.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, cast

import orjson
from psycopg import Cursor

from schemas.identifiers import SystemId
from schemas.problems import ErrorClass
from schemas.seal import SIGNATURE_HEADER
from streams.ledger.audit import CHANGE_LOCK
from streams.ledger.bulk import BulkInsert
from streams.ledger.quarantine import Refused

_COUNTED: Final = frozenset(
    {
        ErrorClass.NOT_DECODABLE,
        ErrorClass.UNKNOWN_SCHEMA,
        ErrorClass.INVALID,
        ErrorClass.FORBIDDEN,
        ErrorClass.TOO_LARGE,
    }
)
"""Not an expired seal nor a revoked key: anybody may copy an old record, and a thief may have the key."""
_KEPT: Final = timedelta(days=15)
"""As long as a copy of a signed record could still come in."""
_INSERT = BulkInsert(
    "sender_faults",
    {"system": "text", "proof": "bytea", "at": "timestamptz"},
    tail="ON CONFLICT DO NOTHING",
)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How many faults of one system within `within` are borne; the next one suspends it. 0: all are."""

    faults: int = 1000
    within: timedelta = timedelta(hours=1)


BORNE: Final = Tolerance()


def count_faults(
    cursor: Cursor[Any], refused: Iterable[Refused], tolerance: Tolerance, now: datetime
) -> tuple[SystemId, ...]:
    """Count the faults of a batch; the systems that are suspended by them, each with its line of audit."""
    found = sorted(
        {(item.fault.sender, proof) for item in refused if item.fault.sender and (proof := _proof(item))}
    )
    if not found or not tolerance.faults:
        return ()
    _INSERT.run(cursor, [(system, proof, now) for system, proof in found])
    systems = sorted({system for system, _ in found})
    cursor.execute(
        "DELETE FROM sender_faults WHERE system = ANY(%b::text[]) AND at < %b", (systems, now - _KEPT)
    )
    cursor.execute(
        "SELECT system, count(*) FROM sender_faults"
        " WHERE system = ANY(%b::text[]) AND at > %b AND NOT forgiven"
        " GROUP BY system HAVING count(*) > %b ORDER BY system",
        (systems, now - tolerance.within, tolerance.faults),
    )
    return tuple(
        system
        for system, faults in cursor.fetchall()
        if _suspend(cursor, SystemId(system), faults, tolerance.within, now)
    )


def count_suspended(cursor: Cursor[Any]) -> int:
    """How many systems may send nothing until they are resumed."""
    cursor.execute("SELECT count(*) FROM systems WHERE sending_suspended_at IS NOT NULL")
    return int(cast(tuple[int], cursor.fetchone())[0])


def _suspend(cursor: Cursor[Any], system: SystemId, faults: int, within: timedelta, now: datetime) -> bool:
    minutes = within // timedelta(minutes=1)
    because = f"{faults} of the records that it signed within {minutes} minutes could not be accepted"
    # As every change of the registry: one at a time, so that its version becomes visible in order.
    cursor.execute("SELECT pg_advisory_xact_lock(%b)", (CHANGE_LOCK,))
    cursor.execute(
        "UPDATE systems SET sending_suspended_at = %b, sending_suspended_because = %b"
        " WHERE id = %b AND sending_suspended_at IS NULL",
        (now, because, system),
    )
    if not cursor.rowcount:
        return False
    cursor.execute(
        'INSERT INTO audit (at, actor, action, "object", detail) VALUES (%b, %b, %b, %b, %b::jsonb)',
        (now, "overgang", "suspend-sending", system, orjson.dumps({"because": because}).decode()),
    )
    return True


def _proof(item: Refused) -> bytes | None:
    if item.fault.error_class not in _COUNTED:
        return None
    signature = next((value for name, value in item.input.headers if name == SIGNATURE_HEADER), None)
    return None if signature is None else sha256(signature).digest()
