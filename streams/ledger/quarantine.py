"""Inputs that could not be accepted, kept with their original bytes until somebody decides about them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg import Cursor

from schemas.identifiers import MessageId, PartyAddress
from schemas.problems import InvalidMessage, SourceNotProved
from streams.batch import Batch, Input
from streams.ledger.bulk import BulkInsert
from streams.ledger.case_keys import CaseVault

_INSERT = BulkInsert(
    "quarantine",
    {
        "topic_id": "uuid",
        "topic": "text",
        "partition": "integer",
        "offset": "bigint",
        "flow": "text",
        "source": "text",
        "message_id": "text",
        "system": "text",
        "error_class": "text",
        "reasons": "jsonb",
        "original": "bytea",
        "received_at": "timestamptz",
    },
)


@dataclass(frozen=True, slots=True)
class Refused:
    """An input and why it was refused; `source` and `message_id` as it claims them, where well-formed.

    Without proof of its source they are None: nobody gets a receipt for what somebody else wrote.
    """

    input: Input
    fault: InvalidMessage
    source: PartyAddress | None
    message_id: MessageId | None


def refused(item: Input, fault: InvalidMessage) -> Refused:
    """Pair an input with its fault and with what it says of its sender and its id."""
    if isinstance(fault, SourceNotProved):
        return Refused(item, fault, None, None)
    return Refused(item, fault, item.claimed_source(), item.claimed_id())


def store(
    cursor: Cursor[Any], vault: CaseVault, batch: Batch, items: Sequence[Refused], now: datetime
) -> None:
    """Keep the refused inputs of a batch."""
    _INSERT.run(
        cursor,
        [
            (
                batch.topic_id,
                batch.topic,
                batch.partition,
                item.input.offset,
                batch.flow,
                item.source,
                item.message_id,
                item.fault.sender,
                item.fault.error_class.value,
                orjson.dumps(reasons(item.fault)).decode(),
                vault.seal_own(original_of(item.input)),
                now,
            )
            for item in items
        ],
    )


def reasons(fault: InvalidMessage) -> list[dict[str, str]]:
    """Every problem as the JSON that quarantine and receipts show."""
    return [{"field": p.field, "problem": p.problem, "mend": p.mend} for p in fault.problems]


def original_of(item: Input) -> bytes:
    """Key, headers and value of an input as JSON with base64, null where they were absent."""

    def text(data: bytes | None) -> str | None:
        return None if data is None else base64.b64encode(data).decode()

    headers = [[name, text(value)] for name, value in item.headers]
    return orjson.dumps({"key": text(item.key), "headers": headers, "value": text(item.value)})
