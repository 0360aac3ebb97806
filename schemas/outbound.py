"""What the gateway itself sends to a recipient: tasks, receipts, delivery receipts (contracts: Outbound)."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, StringConstraints

from schemas.flows.forms import (
    CODE_LENGTH,
    TEXT_LENGTH,
    Address,
    Date,
    EnrolmentReference,
    EuCaseReference,
    MessageReference,
)
from schemas.flows.records import Data, VisibleCitizen
from schemas.flows.registry import NAMESPACE
from schemas.identifiers import PartyAddress

TASK_TYPE: Final = "dk.overgang.task.v1"
RECEIPT_TYPE: Final = "dk.overgang.receipt.v1"
DELIVERY_RECEIPT_TYPE: Final = "dk.overgang.delivery-receipt.v1"
TASK_RECEIPT_TYPE: Final = "dk.overgang.task-receipt.v1"
ENTRIES: Final = 200
"""Warnings, reasons or recipients in one message."""
CAUSES: Final = 1_000
"""Message ids in a task: some 40 kB at most. Who writes a longer list keeps its latest."""

SentTaskState = Literal["PLANNED", "OPEN", "OVERDUE", "DONE", "CANCELLED", "EXPIRED", "WITHDRAWN"]
ReceiptOutcome = Literal["ACCEPTED", "DUPLICATE", "QUARANTINED"]
DeliveryOutcome = Literal["ACKNOWLEDGED", "REFUSED", "EXPIRED"]
ToldState = Literal["OPEN", "OVERDUE", "DONE", "ENDED"]
Word: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=CODE_LENGTH)]
Sentence: TypeAlias = Annotated[str, StringConstraints(max_length=2 * TEXT_LENGTH)]


class Task(Data):
    """A follow-up task as it stands for one recipient."""

    task_id: MessageReference
    """Deterministic UUIDv5 of rule family, case and anchor."""
    revision: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Grows by one with each change sent."""
    kind: Word
    """What to do, for example CONTACT_YOUNG_PERSON."""
    state: SentTaskState
    """State of the task; WITHDRAWN where it moved to another recipient or vanished."""
    mandatory: bool
    """Whether the law demands it."""
    opens_on: Date
    """First day on which it can be done."""
    due_on: Date
    """Last day on which it is in time."""
    rule: Word
    """Rule that opened it, for example dropout-contact."""
    rule_set: Word
    """Rule set in force, for example 2025-07-01."""
    legal_basis: Sentence | None = None
    """Danish citation, for example LAB § 30, stk. 9."""
    warnings: list[Word] = Field(default_factory=list, max_length=ENTRIES)
    """What to look at with care."""
    caused_by: list[MessageReference] = Field(default_factory=list, max_length=CAUSES)
    """Ids of the messages that opened it."""
    closed_by: MessageReference | None = None
    """Id of the message that finished it."""
    explanation: Sentence
    """Why it is there and how it stands, in one sentence; for WITHDRAWN, why it is taken back."""
    citizen: VisibleCitizen | None = None
    """The citizen as this recipient may see one."""
    enrolment_id: EnrolmentReference | None = None
    """Id of the enrolment, chosen by the institution."""
    eu_case_id: EuCaseReference | None = None
    """EESSI case number where there is one."""


class Receipt(Data):
    """What became of a message, to its sender."""

    message_id: MessageReference
    """Id of the message."""
    outcome: ReceiptOutcome
    """What became of it."""
    warnings: list[Word] = Field(default_factory=list, max_length=ENTRIES)
    """What the sender should look at; the message was accepted all the same."""
    reasons: list[Sentence] = Field(default_factory=list, max_length=ENTRIES)
    """Why it was quarantined: field, fault and mend, never a value."""
    recipients: list[Address] = Field(default_factory=list, max_length=ENTRIES)
    """Addresses of those that get it."""


class DeliveryReceipt(Data):
    """What a recipient did with a message, to its sender."""

    message_id: MessageReference
    """Id of the message."""
    recipient: Address
    """Address of the recipient."""
    outcome: DeliveryOutcome
    """What the recipient did, or that it did nothing in time."""
    reason: Sentence | None = None
    """Why it was refused."""


class TaskReceipt(Data):
    """How a task stands, to the sender of a message that opened it."""

    message_id: MessageReference
    """Id of the message."""
    task_id: MessageReference
    """Id of the task; the same in each receipt about it."""
    recipient: Address | None = None
    """Address of the party that has the task; null while nobody is known to be responsible."""
    state: ToldState
    """How it stands; ENDED where it is not to be done any more."""


OUTBOUND: Final[dict[str, type[Data]]] = {
    TASK_TYPE: Task,
    RECEIPT_TYPE: Receipt,
    DELIVERY_RECEIPT_TYPE: DeliveryReceipt,
    TASK_RECEIPT_TYPE: TaskReceipt,
}
"""Model of each type that only the gateway sends."""


def outbound_schema(type_: str) -> str:
    """Avro record of a type: `dk.overgang.task.v1` -> `dk.overgang.v1.Task`. KeyError for another type."""
    return f"{NAMESPACE}.{OUTBOUND[type_].__name__}"


def outbound_topic(recipient: PartyAddress) -> str:
    """Topic without a prefix: `/institution/280051` -> `outbound.institution.280051.v1`."""
    return f"outbound.{recipient.strip('/').replace('/', '.')}.v1"
