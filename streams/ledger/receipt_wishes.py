"""Which parties want a receipt for each of their messages; the others hear of faults and warnings only."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from psycopg import Cursor

from schemas.identifiers import PartyAddress
from streams.registry import Receipts


def wanting_all(
    cursor: Cursor[Any], parties: Collection[PartyAddress], now: datetime
) -> frozenset[PartyAddress]:
    """Those of the parties whose wish in force at `now` is a receipt for each message."""
    if not parties:
        return frozenset()
    cursor.execute(
        "SELECT party FROM (SELECT DISTINCT ON (party) party, receipts FROM receipt_wishes"
        " WHERE party = ANY(%b) AND valid_from <= %b ORDER BY party, valid_from DESC) AS in_force"
        " WHERE receipts = %b",
        (sorted(parties), now, Receipts.ALL.value),
    )
    return frozenset(PartyAddress(party) for (party,) in cursor.fetchall())
