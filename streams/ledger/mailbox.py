"""A recipient's mailbox: its outbound rows from a sequence on, and how far its reader has acknowledged.

A row is in the mailbox from when the relay has numbered it, published or not: what no topic can take is read
here all the same. A row of an erased case can be opened by nobody; its number stays empty.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert

from schemas.identifiers import PartyAddress
from schemas.problems import OvergangError
from streams.ledger.case_keys import GATEWAY, unwrapped
from streams.ledger.outbound import OutboundRow
from streams.ledger.outgoing import delivery_receipt, write
from streams.ledger.receipt_wishes import wanting_all
from streams.ledger.sealing import CannotOpen, Seal
from streams.ledger.tables import case_keys, cursors, mailboxes, outbound


class BeyondLast(OvergangError):
    """A sequence that was never given; `last` is the highest that was."""

    def __init__(self, last: int) -> None:
        self.last = last
        super().__init__(f"is beyond the last number of this mailbox, {last}")


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """A sealed message and the wrapped key of its case; None where the gateway's own key seals it."""

    row: OutboundRow
    wrapped: bytes | None

    def opened(self, wrapping: Seal) -> bytes:
        """The Avro value in wire format. Raises CannotOpen."""
        if self.row.case_key is None:
            return wrapping.open(self.row.payload, GATEWAY)
        if self.wrapped is None:
            raise CannotOpen("the key of a case is missing; restore the schema keyring from its backup")
        return unwrapped(wrapping, self.row.case_key, self.wrapped).open(
            self.row.payload, self.row.case_key.encode()
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a mailbox is acknowledged, and the last number that was given in it (0: none yet)."""

    party: str
    acknowledged: int
    last: int


def read(
    connection: Connection, party: PartyAddress, after: int | None, limit: int, size: int
) -> list[MailboxRow]:
    """At most `limit` rows after a sequence, or after what is acknowledged; in order.

    They hold `size` bytes at most; the first one may be larger. Raises BeyondLast where `after` was never
    given: a reader with a cursor from elsewhere would else wait and miss what comes.
    """
    start = after if after is not None else standing(connection, party).acknowledged
    there = (
        select(outbound, case_keys.c.wrapped)
        .select_from(_with_keys())
        .where(outbound.c.recipient == party, outbound.c.sequence > start, _readable())
        .order_by(outbound.c.sequence)
        .limit(limit)
        .subquery()
    )
    so_far = func.sum(func.octet_length(there.c.payload)).over(order_by=there.c.sequence)
    place = func.row_number().over(order_by=there.c.sequence)
    sized = select(there, so_far.label("so_far"), place.label("place")).subquery()
    found = connection.execute(
        select(sized).where(or_(sized.c.so_far <= size, sized.c.place == 1)).order_by(sized.c.sequence)
    ).all()
    if not found and start > (last := _last(connection, party)):
        raise BeyondLast(last)
    return [
        MailboxRow(
            OutboundRow(
                row.n,
                row.recipient,
                row.sequence,
                row.source,
                row.message_id,
                row.type,
                row.time,
                row.attributes,
                row.case_key,
                row.payload,
            ),
            row.wrapped,
        )
        for row in found
    ]


def open_mailbox(connection: Connection, party: PartyAddress) -> None:
    """Note that a party reads its mailbox: from now on somebody minds how old its unread messages are."""
    connection.execute(upsert(mailboxes).values(party=party).on_conflict_do_nothing())


def standing(connection: Connection, party: PartyAddress) -> Standing:
    """How far a party is."""
    known = select(mailboxes.c.acknowledged).where(mailboxes.c.party == party)
    return Standing(party, connection.execute(known).scalar_one_or_none() or 0, _last(connection, party))


def acknowledge(
    connection: Connection,
    party: PartyAddress,
    sequence: int,
    seal_own: Callable[[bytes], bytes],
    *,
    back: bool,
) -> Standing:
    """A party has every message up to `sequence`; a lower one than before counts only with `back`.

    `seal_own` seals receipts by the gateway's own key. Raises BeyondLast.
    """
    last = _last(connection, party)
    if sequence > last:
        raise BeyondLast(last)
    put = upsert(mailboxes).values(party=party, acknowledged=sequence)
    highest = func.greatest(mailboxes.c.acknowledged, put.excluded.acknowledged)
    now_at = put.on_conflict_do_update(
        index_elements=["party"], set_={"acknowledged": put.excluded.acknowledged if back else highest}
    ).returning(mailboxes.c.acknowledged, mailboxes.c.told)
    acknowledged, told = connection.execute(now_at).one()
    if acknowledged > told:
        _tell(connection, party, told, acknowledged, seal_own)
    return standing(connection, party)


def _tell(
    connection: Connection, party: PartyAddress, after: int, upto: int, seal_own: Callable[[bytes], bytes]
) -> None:
    """Senders who want to hear of each message, once of each, that its recipient has it."""
    driver: Any = connection.connection.driver_connection
    now = datetime.now(UTC)
    with driver.cursor(binary=True) as cursor:
        cursor.execute("SELECT DISTINCT party FROM receipt_wishes")
        wanting = wanting_all(cursor, [PartyAddress(row[0]) for row in cursor.fetchall()], now)
        there = (
            select(outbound.c.sequence, outbound.c.source, outbound.c.message_id)
            .select_from(_with_keys())
            .where(outbound.c.recipient == party, outbound.c.sequence.between(after + 1, upto))
            .where(outbound.c.source.in_(wanting), _readable())
            .order_by(outbound.c.sequence)
        )
        receipts = [
            delivery_receipt(
                f"mailbox|{party}|{row.sequence}",
                row.source,
                {"message_id": row.message_id, "recipient": party, "outcome": "ACKNOWLEDGED", "reason": None},
                seal_own,
                now,
            )
            for row in (connection.execute(there) if wanting else ())
        ]
        write(cursor, receipts, now)
    connection.execute(update(mailboxes).where(mailboxes.c.party == party).values(told=upto))


def oldest_unread(connection: Connection) -> dict[PartyAddress, datetime | None]:
    """When the oldest message that is not acknowledged was written, by party that reads its mailbox."""
    unread = (
        select(outbound.c.written_at)
        .select_from(_with_keys())
        .where(
            outbound.c.recipient == mailboxes.c.party,
            outbound.c.sequence > mailboxes.c.acknowledged,
            _readable(),
        )
        .order_by(outbound.c.sequence)
        .limit(1)
        .lateral()
    )
    found = connection.execute(
        select(mailboxes.c.party, unread.c.written_at).select_from(mailboxes.outerjoin(unread, true()))
    )
    return {PartyAddress(party): written_at for party, written_at in found}


def _last(connection: Connection, party: PartyAddress) -> int:
    given = select(cursors.c.last_sequence).where(cursors.c.recipient == party)
    return connection.execute(given).scalar_one_or_none() or 0


def _with_keys() -> FromClause:
    return outbound.outerjoin(case_keys, case_keys.c.case_key == outbound.c.case_key)


def _readable() -> ColumnElement[Any]:
    """A destroyed key is a row without a key. A missing row is our own fault, and must not pass unseen."""
    return ~and_(case_keys.c.case_key.is_not(None), case_keys.c.wrapped.is_(None))
