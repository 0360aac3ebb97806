"""Messages on their way out, as rows that the relay will number and publish."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import orjson
from psycopg import Cursor

from schemas.flows.registry import FLOWS
from schemas.identifiers import CaseKey, MessageId, PartyAddress, TaskId
from schemas.message import Record
from schemas.outbound import (
    CAUSES,
    DELIVERY_RECEIPT_TYPE,
    RECEIPT_TYPE,
    TASK_RECEIPT_TYPE,
    TASK_TYPE,
    outbound_schema,
)
from schemas.problems import OvergangError
from schemas.wire import encode
from streams.forwarding import citizen_as_seen, visible_record
from streams.ledger.bulk import BulkInsert
from streams.ledger.case_keys import CaseVault
from streams.ledger.cases import Case, StoredFact
from streams.ledger.sealing import Seal
from streams.rules.model import MessageRef, Task
from streams.task_progress import Progress
from streams.topic_definition import BATCH_LIMIT_BYTES

GATEWAY = PartyAddress("/gateway")
LARGEST = BATCH_LIMIT_BYTES // 4
"""Bytes of an Avro value: with key, headers and frame it is never too large for its topic."""
_LONGEST_TEXT = 4_000
_IDS = UUID("8f1f1f0e-6d9a-5a53-9f0c-8d1c5f2b7a11")

_INSERT = BulkInsert(
    "outbound",
    {
        "recipient": "text",
        "source": "text",
        "message_id": "text",
        "type": "text",
        "time": "timestamptz",
        "attributes": "jsonb",
        "case_key": "text",
        "payload": "bytea",
        "written_at": "timestamptz",
    },
)


class OutboundTooLarge(OvergangError):
    """A message to a recipient would not fit on its topic."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one recipient; `payload` is its sealed Avro value in wire format."""

    recipient: PartyAddress
    source: PartyAddress
    message_id: MessageId
    type: str
    time: datetime
    attributes: Mapping[str, str]
    case_key: CaseKey | None
    payload: bytes


def write(cursor: Cursor[Any], messages: Sequence[Outgoing], now: datetime) -> None:
    """Write the rows in the order given and wake the relay when they are committed."""
    if not messages:
        return
    _INSERT.run(
        cursor,
        [
            (
                m.recipient,
                m.source,
                m.message_id,
                m.type,
                m.time,
                orjson.dumps(m.attributes).decode(),
                m.case_key,
                m.payload,
                now,
            )
            for m in messages
        ],
    )
    cursor.execute("NOTIFY outbound")


def forward(case: Case, fact: StoredFact, recipient: PartyAddress, seal: Seal) -> Outgoing:
    """The message of a fact, with what this recipient may see of it. Id, source, type and time stay."""
    contract = FLOWS[fact.flow]
    record = case.record_of(fact, seal)
    visible = visible_record(fact.flow, record, recipient)
    payload = fact.sealed if visible is record else _sealed(case, contract.schema_name, visible, seal)
    return Outgoing(
        recipient,
        fact.fact.source,
        fact.fact.id,
        contract.type,
        fact.fact.time,
        fact.attributes,
        case.key,
        payload,
    )


def task_message(
    case: Case,
    task: Task,
    revision: int,
    state: str,
    explanation: str,
    recipient: PartyAddress,
    seal: Seal,
    now: datetime,
    traceparent: str | None = None,
) -> Outgoing:
    """A revision of a task as its recipient is told; a repeat of the same revision would bear the same id."""
    record = {
        "task_id": task.task_id,
        "revision": revision,
        "kind": task.kind,
        "state": state,
        "mandatory": task.mandatory,
        "opens_on": task.opens_on,
        "due_on": task.due_on,
        "rule": task.rule,
        "rule_set": task.rule_set,
        "legal_basis": task.legal_basis,
        "warnings": list(task.warnings),
        "caused_by": list(task.caused_by[-CAUSES:]),
        "closed_by": task.closed_by,
        "explanation": explanation[:_LONGEST_TEXT],
        "citizen": citizen_as_seen(citizen_of(case), recipient),
        "enrolment_id": task.enrolment_id,
        "eu_case_id": task.eu_case_id,
    }
    attributes = {"subject": task.subject, "traceparent": traceparent}
    return Outgoing(
        recipient,
        GATEWAY,
        task_message_id(task.task_id, revision, recipient),
        TASK_TYPE,
        now,
        {name: text for name, text in attributes.items() if text},
        case.key,
        _sealed(case, outbound_schema(TASK_TYPE), record, seal),
    )


def task_message_id(task: TaskId, revision: int, recipient: PartyAddress) -> MessageId:
    """The id of the message that tells a recipient of a task's revision, each time it is sent."""
    return MessageId(str(uuid5(_IDS, f"{task}|{revision}|{recipient}")))


def receipt(place: str, recipient: PartyAddress, record: Record, vault: CaseVault, now: datetime) -> Outgoing:
    """A receipt for the input at `place` (topic id, partition, offset), sealed by the gateway's own key."""
    return Outgoing(
        recipient,
        GATEWAY,
        MessageId(str(uuid5(_IDS, f"receipt|{place}"))),
        RECEIPT_TYPE,
        now,
        {},
        None,
        vault.seal_own(encode(outbound_schema(RECEIPT_TYPE), record)),
    )


def delivery_receipt(
    place: str, recipient: PartyAddress, record: Record, seal_own: Callable[[bytes], bytes], now: datetime
) -> Outgoing:
    """What became of the delivery at `place` (channel, recipient, sequence, round), to its sender.

    `seal_own` seals by the gateway's own key.
    """
    return Outgoing(
        recipient,
        GATEWAY,
        MessageId(str(uuid5(_IDS, f"delivery-receipt|{place}|{record['outcome']}"))),
        DELIVERY_RECEIPT_TYPE,
        now,
        {},
        None,
        seal_own(encode(outbound_schema(DELIVERY_RECEIPT_TYPE), record)),
    )


def task_receipt(
    case: Case, message: MessageRef, task: Task, revision: int, progress: Progress, seal: Seal, now: datetime
) -> Outgoing:
    """How a task stands after a revision, to the sender of a message that opened it."""
    record = {
        "message_id": message.id,
        "task_id": task.task_id,
        "recipient": task.recipient,
        "state": progress.value,
    }
    return Outgoing(
        message.source,
        GATEWAY,
        MessageId(str(uuid5(_IDS, f"task-receipt|{task.task_id}|{revision}|{message.source}|{message.id}"))),
        TASK_RECEIPT_TYPE,
        now,
        {"subject": task.subject} if task.subject else {},
        case.key,
        _sealed(case, outbound_schema(TASK_RECEIPT_TYPE), record, seal),
    )


def citizen_of(case: Case) -> Record | None:
    """What is known of the citizen: each field from the latest message that has it."""
    known: dict[str, Any] = {}
    for stored in sorted(case.facts.values(), key=lambda f: (f.fact.time, f.ref)):
        for name, value in (stored.citizen or {}).items():
            if value is not None or name not in known:
                known[name] = value
    return known or None


def _sealed(case: Case, schema_name: str, record: Record, seal: Seal) -> bytes:
    value = encode(schema_name, record)
    if len(value) > LARGEST:
        raise OutboundTooLarge(f"a message of {len(value)} bytes does not fit; {LARGEST} are the most")
    return seal.seal(value, case.key.encode())
