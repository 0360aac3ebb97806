"""How far each partition has been taken: stored in the transaction of what was taken, never apart from it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Cursor

from streams.batch import Batch
from streams.failures import Fenced


@dataclass(frozen=True, slots=True)
class StoredPosition:
    """`next` is the offset of the first input of this topic incarnation that has no outcome yet."""

    topic_id: UUID
    next: int


def advance(cursor: Cursor[Any], batch: Batch) -> None:
    """Move the position from where the batch starts to where it ends; the first statement of `apply`.

    The row stays locked until the transaction ends, so two workers that hold the same partition go one after
    the other and the second one is fenced.

    Raises:
        Fenced: the stored position is not `batch.after`.
    """
    cursor.execute(
        "UPDATE positions SET next = %s WHERE topic_id = %s AND partition = %s AND next = %s",
        (batch.next, batch.topic_id, batch.partition, batch.after),
    )
    if cursor.rowcount == 1:
        return
    if batch.after == 0:
        cursor.execute(
            "INSERT INTO positions (topic_id, partition, topic, next) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (batch.topic_id, batch.partition, batch.topic, batch.next),
        )
        if cursor.rowcount == 1:
            return
    cursor.execute(
        "SELECT next FROM positions WHERE topic_id = %s AND partition = %s", (batch.topic_id, batch.partition)
    )
    row = cursor.fetchone()
    raise Fenced(batch.topic, batch.partition, batch.after, row[0] if row else None)


def tally(cursor: Cursor[Any], batch: Batch, accepted: int, duplicates: int) -> None:
    """Add what the batch came to, at the row that `advance` has locked: nothing else needs to be counted."""
    cursor.execute(
        "UPDATE positions SET accepted = accepted + %s, duplicates = duplicates + %s"
        " WHERE topic_id = %s AND partition = %s",
        (accepted, duplicates, batch.topic_id, batch.partition),
    )


def position(cursor: Cursor[Any], topic: str, partition: int) -> StoredPosition | None:
    """The stored position under a topic's name, of the incarnation that was read last; None if never read."""
    cursor.execute(
        "SELECT topic_id, next FROM positions WHERE topic = %s AND partition = %s"
        " ORDER BY read_since DESC LIMIT 1",
        (topic, partition),
    )
    row = cursor.fetchone()
    return StoredPosition(*row) if row else None


def move(cursor: Cursor[Any], topic: str, topic_id: UUID, partition: int, to: int) -> None:
    """Set a position by hand: an operator's decision about a re-created or truncated topic."""
    cursor.execute(
        "INSERT INTO positions (topic_id, partition, topic, next) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (topic_id, partition) DO UPDATE SET next = excluded.next, read_since = now()",
        (topic_id, partition, topic, to),
    )
