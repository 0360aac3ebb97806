"""What the rules give: tasks, forwards, warnings, and the instant at which they would give something else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from schemas.identifiers import EnrolmentId, EuCaseId, MessageId, PartyAddress, Pseudonym, TaskId


class MessageRef(NamedTuple):
    """A message is identified by its sender and the id that the sender chose."""

    source: PartyAddress
    id: MessageId


class TaskState(StrEnum):
    PLANNED = "PLANNED"
    OPEN = "OPEN"
    OVERDUE = "OVERDUE"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"

    @property
    def finished(self) -> bool:
        return self in (TaskState.DONE, TaskState.CANCELLED, TaskState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Task:
    """A follow-up task as facts and `as_of` make it; no field holds an identifier, a name or a birth date.

    `recipient` is None while nobody is known to be responsible (unrouted). `caused_by` and `closed_by` are
    message ids. `legal_basis` is a Danish citation.
    """

    task_id: TaskId
    kind: str
    recipient: PartyAddress | None
    subject: Pseudonym | None
    state: TaskState
    mandatory: bool
    opens_on: date
    due_on: date
    rule: str
    rule_set: str
    legal_basis: str | None
    warnings: tuple[str, ...]
    caused_by: tuple[MessageId, ...]
    closed_by: MessageId | None
    explanation: str
    enrolment_id: EnrolmentId | None
    eu_case_id: EuCaseId | None


class Forward(NamedTuple):
    """The message is to be sent to the recipient, once."""

    message: MessageRef
    recipient: PartyAddress


@dataclass(frozen=True, slots=True)
class Decision:
    """All that follows from the facts of one case at `as_of`.

    `tasks` sorted by opens_on, kind, task_id. `forwards` sorted by message time, id, recipient.
    `unrouted` are messages that should be forwarded but have no recipient yet. `warnings` are those that a
    message bears because of other facts or of a rule (content warnings are the message's own).
    `next_change`: the first instant after `as_of` at which deciding the same facts would give anything else.
    """

    tasks: tuple[Task, ...] = ()
    forwards: tuple[Forward, ...] = ()
    unrouted: tuple[MessageRef, ...] = ()
    warnings: Mapping[MessageRef, tuple[str, ...]] = field(default_factory=dict)
    next_change: datetime | None = None
