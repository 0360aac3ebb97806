"""What the sender of a message is told of the tasks that it opened: who has them and how they stand.

Never what was said or decided, nor of a task from which the sender could read what is not its own: the mentor
tasks tell who has a right to a mentor, and the end of a dropout's follow-up that the student began elsewhere.
"""

from collections.abc import Mapping
from enum import StrEnum

from schemas.identifiers import Flow, PartyAddress
from streams.rules.model import TaskState


class Progress(StrEnum):
    """How a task stands, as its sender is told."""

    OPEN = "OPEN"
    OVERDUE = "OVERDUE"
    DONE = "DONE"
    ENDED = "ENDED"
    """It is not to be done any more, for whatever reason."""


_EU: frozenset[Flow] = frozenset({"eu-registration", "eu-event"})
TOLD: Mapping[str, frozenset[Flow]] = {
    "contact-exchange": frozenset({"enrolment"}),
    "contact-acknowledgement": frozenset({"contact-details"}),
    "dropout-contact": frozenset({"dropout-risk"}),
    "dropout-review": frozenset({"dropout-risk"}),
    "eu-registration-notice": _EU,
    "eu-document-request": _EU,
    "eu-circumstance": _EU,
    "eu-person-notice": _EU,
    "eu-monthly": _EU,
    "eu-return": _EU,
    "eu-final": _EU,
}
"""By rule, the flows whose senders are told."""


def is_told(rule: str, recipient: PartyAddress | None, flow: Flow, sender: PartyAddress) -> bool:
    """Whether a message's sender hears of a task that it opened; a task of its own it gets anyway."""
    return sender != recipient and flow in TOLD.get(rule, ())


def progress_of(state: str) -> Progress:
    """How a task of this state, or `WITHDRAWN`, stands."""
    match state:
        case TaskState.PLANNED | TaskState.OPEN:
            return Progress.OPEN
        case TaskState.OVERDUE:
            return Progress.OVERDUE
        case TaskState.DONE:
            return Progress.DONE
        case _:
            return Progress.ENDED
