"""What the ledger's queries answer with. No field holds an identifier, a name or a birth date."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from streams.task_progress import Progress


class ShownState(StrEnum):
    """A task's state, or WITHDRAWN where its ground is gone."""

    PLANNED = "PLANNED"
    OPEN = "OPEN"
    OVERDUE = "OVERDUE"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A recipient of a message: `sequence` there (null until the relay numbers it), and when Kafka had it.

    `acknowledged_by` are the channels by which the recipient took it; `state` without any is what its webhook
    came to, or WAITING: who reads the topic tells nobody.
    """

    recipient: str
    sequence: int | None
    published_at: datetime | None
    undeliverable_reason: str | None
    state: Literal["WAITING", "ACKNOWLEDGED", "REFUSED", "EXPIRED"]
    acknowledged_by: list[Literal["mailbox", "webhook"]]


@dataclass(frozen=True, slots=True)
class OpenedTask:
    """A task that a message opened, as far as its sender may know; `since` when it stands so.

    `recipient` has it: null while nobody is known to be responsible.
    """

    task_id: str
    recipient: str | None
    state: Progress
    since: datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message is in quarantine; never the value itself."""

    field: str
    problem: str
    mend: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message. One that was accepted stays ACCEPTED; `duplicates` counts its repetitions.

    `received_at` is the time of the first acceptance, or of the latest quarantine.
    """

    id: str
    source: str
    outcome: Literal["ACCEPTED", "QUARANTINED"]
    flow: str
    received_at: datetime
    case: str | None
    duplicates: int
    warnings: list[str]
    reasons: list[Reason]
    recipients: list[Delivery]
    tasks: list[OpenedTask]


@dataclass(frozen=True, slots=True)
class LedgerTask:
    """A task as it stands now. `case` is the pseudonym or EU case key that leads to its timeline."""

    task_id: str
    revision: int
    kind: str
    recipient: str | None
    subject: str | None
    case: str
    state: str
    mandatory: bool
    opens_on: date
    due_on: date
    rule: str
    rule_set: str
    legal_basis: str | None
    warnings: list[str]
    caused_by: list[str]
    closed_by: str | None
    explanation: str
    enrolment_id: str | None
    eu_case_id: str | None
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """What a task was after one decision."""

    revision: int
    kind: str
    recipient: str | None
    state: str
    due_on: date
    closed_by: str | None
    explanation: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class TimelineMessage:
    """A message of a case: that it came, from whom and when, and where it went; not what it says."""

    source: str
    id: str
    flow: str
    time: datetime
    received_at: datetime
    warnings: list[str]
    forwarded_to: list[str]


@dataclass(frozen=True, slots=True)
class TaskHistory:
    """A task, why it is as it is, and all it has been, oldest first.

    `closes` says what finishes it and what cancels it, `parameters` are the numbers of its rule (working
    days, months) and whether they are a service target: null and empty where this version does not know the
    rule. `caused` and `closed` are the messages that opened and ended it.
    """

    task: LedgerTask
    closes: str | None
    parameters: dict[str, Any]
    caused: list[TimelineMessage]
    closed: list[TimelineMessage]
    revisions: list[Revision]


@dataclass(frozen=True, slots=True)
class MessageCame:
    """The gateway took a message at `at`; its sender dates it `time`."""

    at: datetime
    source: str
    id: str
    flow: str
    time: datetime
    warnings: list[str]
    what: Literal["MESSAGE"] = "MESSAGE"


@dataclass(frozen=True, slots=True)
class TaskDecided:
    """What a decision at `at` made of a task."""

    at: datetime
    task_id: str
    revision: int
    kind: str
    state: str
    recipient: str | None
    due_on: date
    closed_by: str | None
    explanation: str
    what: Literal["DECISION"] = "DECISION"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message to a recipient: at `at` Kafka had it, or it was given up, or it began to wait.

    `sequence` is its number there. Of a task, its id, revision, kind and the state that the recipient is
    told; of a forwarded message these are null, and `source` and `id` are the message's own.
    """

    at: datetime
    recipient: str
    sequence: int | None
    published_at: datetime | None
    undeliverable_reason: str | None
    type: str
    source: str
    id: str
    task_id: str | None
    revision: int | None
    kind: str | None
    state: str | None
    what: Literal["DELIVERY"] = "DELIVERY"


CaseEvent: TypeAlias = MessageCame | TaskDecided | Delivered


@dataclass(frozen=True, slots=True)
class Timeline:
    """A case: its messages by `time`, its tasks by opening date, and when deciding would next change it.

    `events` is all that happened, by the gateway's clock: a message came, a decision made or changed a task,
    something was sent.
    """

    case: str
    decided_at: datetime | None
    next_change: datetime | None
    stuck_because: str | None
    messages: list[TimelineMessage]
    tasks: list[LedgerTask]
    events: list[CaseEvent]
