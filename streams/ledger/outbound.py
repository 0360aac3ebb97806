"""Outbound rows as the relay sees them: numbered per recipient, read in that order, marked when they are out.

All statements run on the connection that holds the relay's leadership: whoever has lost it changes nothing
here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import class_row

from schemas.envelope import SPECVERSION
from schemas.identifiers import CaseKey, MessageId, PartyAddress

_UNPUBLISHED: LiteralString = "published_at IS NULL AND undeliverable_at IS NULL"


@dataclass(frozen=True, slots=True)
class OutboundRow:
    """One message to one recipient; `payload` is sealed, `sequence` its gap-free number at that recipient."""

    n: int
    recipient: PartyAddress
    sequence: int
    source: PartyAddress
    message_id: MessageId
    type: str
    time: datetime
    attributes: Mapping[str, str]
    case_key: CaseKey | None
    payload: bytes

    def event_attributes(self) -> dict[str, str]:
        """Its CloudEvents attributes, the same on every channel."""
        return {
            "specversion": SPECVERSION,
            "id": self.message_id,
            "source": self.source,
            "type": self.type,
            "time": self.time.isoformat(),
            "sequence": str(self.sequence),
            **self.attributes,
        }


def number(connection: Connection, limit: int) -> int:
    """Give the oldest `limit` rows without a number the next ones of their recipients; return how many.

    A row may become visible after one with a higher `n`: it gets the later number, and keeps it. Numbers are
    given by one leader, one transaction after the other: whoever sees one sees all before it, too. Each
    recipient's address is told on the channel `numbered` once its numbers can be seen.
    """
    done = connection.execute(
        "WITH unnumbered AS MATERIALIZED ("
        "  SELECT n, recipient FROM outbound WHERE sequence IS NULL ORDER BY n LIMIT %s"
        "), ranked AS ("
        "  SELECT n, recipient, row_number() OVER (PARTITION BY recipient ORDER BY n) AS place,"
        "         count(*) OVER (PARTITION BY recipient) AS many FROM unnumbered"
        "), counted AS ("
        "  INSERT INTO cursors AS known (recipient, last_sequence)"
        "  SELECT recipient, count(*) FROM unnumbered GROUP BY recipient"
        "  ON CONFLICT (recipient) DO UPDATE SET last_sequence = known.last_sequence + excluded.last_sequence"
        "  RETURNING recipient, last_sequence"
        "), numbered AS ("
        "  UPDATE outbound SET sequence = counted.last_sequence - ranked.many + ranked.place"
        "  FROM ranked JOIN counted USING (recipient) WHERE outbound.n = ranked.n"
        "  RETURNING outbound.recipient"
        ") SELECT count(*), pg_notify('numbered', recipient) FROM numbered GROUP BY recipient",
        (limit,),
    )
    return sum(int(count) for count, _ in done)


def window(connection: Connection, limit: int, without: Collection[PartyAddress]) -> list[OutboundRow]:
    """At most `limit` unpublished rows, in the order of their numbers a recipient, the oldest recipients'
    first.

    `without` are recipients that have to wait; what is in their way does not hold up the others.
    """
    query: LiteralString = (
        "WITH shares AS ("
        "  SELECT recipient, count(*) AS share FROM ("
        f"   SELECT recipient FROM outbound WHERE {_UNPUBLISHED} AND sequence IS NOT NULL"
        "    AND recipient <> ALL(%s) ORDER BY n LIMIT %s"
        "  ) AS oldest GROUP BY recipient"
        ") SELECT due.* FROM shares CROSS JOIN LATERAL ("
        "  SELECT n, recipient, sequence, source, message_id, type, time, attributes, case_key, payload"
        f" FROM outbound WHERE outbound.recipient = shares.recipient AND {_UNPUBLISHED}"
        "  AND sequence IS NOT NULL ORDER BY sequence LIMIT shares.share"
        ") AS due ORDER BY due.recipient, due.sequence"
    )
    with connection.cursor(binary=True, row_factory=class_row(OutboundRow)) as cursor:
        return cursor.execute(query, (list(without), limit)).fetchall()


def mark_published(connection: Connection, rows: Collection[int]) -> list[tuple[str, float]]:
    """The broker has acknowledged these rows; return each one's type and the seconds that it waited."""
    with connection.cursor(binary=True) as cursor:
        return cursor.execute(
            "UPDATE outbound SET published_at = clock_timestamp() WHERE n = ANY(%s) AND published_at IS NULL"
            " RETURNING type, extract(epoch FROM published_at - written_at)::float8",
            (list(rows),),
        ).fetchall()


def mark_undeliverable(connection: Connection, reasons: Mapping[int, str]) -> None:
    """These rows can never be published; the operator sees them with the reason, which holds no content."""
    connection.execute(
        "UPDATE outbound SET undeliverable_at = clock_timestamp(), undeliverable_reason = given.reason"
        " FROM unnest(%s::bigint[], %s::text[]) AS given(n, reason)"
        " WHERE outbound.n = given.n AND published_at IS NULL",
        (list(reasons), list(reasons.values())),
    )


def count_unpublished(connection: Connection) -> int:
    """Rows that wait for the broker."""
    query: LiteralString = f"SELECT count(*) FROM outbound WHERE {_UNPUBLISHED}"
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
