"""The first message under a (`source`, `id`) is kept; what comes again is counted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg import Cursor

from schemas.cloudevent import content_digest
from schemas.identifiers import CaseKey
from schemas.message import Message
from schemas.problems import InvalidMessage
from streams.batch import Input
from streams.ledger.bulk import BulkInsert
from streams.ledger.quarantine import Refused, refused
from streams.rules.model import MessageRef

_INSERT = BulkInsert(
    "inbox",
    {
        "source": "text",
        "id": "text",
        "flow": "text",
        "digest": "bytea",
        "case_key": "text",
        "time": "timestamptz",
        "received_at": "timestamptz",
        "warnings": "jsonb",
    },
    tail="ON CONFLICT DO NOTHING RETURNING source, id",
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A valid message as it came in, with the input that bore it and the digest of its content."""

    ref: MessageRef
    input: Input
    message: Message
    digest: bytes


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch before the ledger is asked: the first of each id, what repeats within it, what is refused."""

    first: dict[MessageRef, Arrival]
    again: list[Arrival]
    refused: list[Refused]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A message that came before; `reused` where its content differs from the stored first one."""

    arrival: Arrival
    reused: bool


def sort(inputs: Sequence[Input], decoded: Sequence[Message | InvalidMessage]) -> Sorted:
    """Tell first messages, repeats and refused inputs apart, in the order of their offsets."""
    result = Sorted({}, [], [])
    for item, found in zip(inputs, decoded, strict=True):
        if isinstance(found, InvalidMessage):
            result.refused.append(refused(item, found))
            continue
        arrival = Arrival(
            MessageRef(found.envelope.source, found.envelope.id), item, found, content_digest(found)
        )
        if result.first.setdefault(arrival.ref, arrival) is not arrival:
            result.again.append(arrival)
    return result


def admit(
    cursor: Cursor[Any],
    arrivals: Iterable[Arrival],
    case_of: Mapping[MessageRef, CaseKey],
    now: datetime,
) -> set[MessageRef]:
    """Insert the messages in the order of their ids; return those that were not there before.

    The order is the same in every transaction, so that two of them never wait for each other.
    """
    rows = [
        (
            *a.ref,
            a.message.envelope.flow,
            a.digest,
            case_of[a.ref],
            a.message.envelope.time,
            now,
            orjson.dumps(a.message.warnings).decode(),
        )
        for a in sorted(arrivals, key=lambda a: a.ref)
    ]
    if not rows:
        return set()
    _INSERT.run(cursor, rows)
    return {MessageRef(*row) for row in cursor.fetchall()}


def count_repeats(cursor: Cursor[Any], repeats: Sequence[Arrival]) -> list[Repeat]:
    """Count each repeat at its first message, and note there when content under the id differs."""
    if not repeats:
        return []
    refs = sorted({a.ref for a in repeats})
    sources, ids = [r.source for r in refs], [r.id for r in refs]
    cursor.execute(
        "SELECT source, id, digest FROM inbox JOIN unnest(%b::text[], %b::text[]) AS again(source, id)"
        " USING (source, id) ORDER BY source, id FOR UPDATE OF inbox",
        (sources, ids),
    )
    stored = {MessageRef(source, id_): digest for source, id_, digest in cursor.fetchall()}
    found = [Repeat(a, reused=a.digest != stored[a.ref]) for a in repeats]
    times = Counter(a.ref for a in repeats)
    other_content = {r.arrival.ref for r in found if r.reused}
    cursor.execute(
        "UPDATE inbox SET duplicates = duplicates + again.times,"
        " warnings = CASE WHEN again.reused AND NOT warnings ? 'ID_REUSED'"
        " THEN warnings || '[\"ID_REUSED\"]' ELSE warnings END"
        " FROM unnest(%b::text[], %b::text[], %b::integer[], %b::boolean[])"
        " AS again(source, id, times, reused)"
        " WHERE inbox.source = again.source AND inbox.id = again.id",
        (sources, ids, [times[ref] for ref in refs], [ref in other_content for ref in refs]),
    )
    return found
