"""F4: what the municipality did about a notice or a dropout. LAB § 30(9)."""

from typing import Literal

from pydantic import Field

from schemas.flows.forms import LIST_LENGTH, Code, Date, EnrolmentReference, Institution, MessageReference
from schemas.flows.records import Citizen, ConversationFormat, Data

FollowUpEvent = Literal["ATTEMPTED", "CONTACTED", "DECIDED"]


class FollowUp(Data):
    """A municipality tried to reach or reached the young person, or decided on retention initiatives."""

    citizen: Citizen
    """The young person."""
    enrolment_id: EnrolmentReference | None = None
    """Id of the enrolment, chosen by the institution; never a personal number."""
    institution: Institution | None = None
    """Number of the institution of the enrolment, 6 digits."""
    notice_id: MessageReference | None = None
    """Message id of the dropout-risk notice that this answers."""
    event: FollowUpEvent
    """What was done."""
    on: Date
    """Day on which it was done."""
    form: ConversationFormat | None = None
    """How the conversation was held."""
    initiatives: list[Code] = Field(default_factory=list, max_length=LIST_LENGTH)
    """Retention initiatives decided on: codes of the municipality's system."""
