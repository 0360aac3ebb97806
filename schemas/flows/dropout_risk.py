"""F3: risk of dropout, raised and withdrawn. LAB § 30(8)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.flows.forms import LIST_LENGTH, Date, EnrolmentReference, MessageReference, Note, Percent
from schemas.flows.records import Citizen, Contact, Data, refuse

RiskEvent = Literal["RAISED", "WITHDRAWN"]
RiskReason = Literal["ABSENCE", "ACADEMIC", "WELLBEING", "SOCIAL", "FINANCIAL", "OTHER"]


class DropoutRisk(Data):
    """An educational institution sees a risk that a student drops out, or no longer sees it."""

    citizen: Citizen
    """The student."""
    enrolment_id: EnrolmentReference
    """Id of the enrolment, chosen by the institution; never a personal number."""
    event: RiskEvent
    """Whether the notice is raised or withdrawn."""
    observed_on: Date
    """Day on which the institution saw it; shown, not judged."""
    study_start_on: Date | None = None
    """Day of study start, for when the enrolment itself is not known."""
    reasons: list[RiskReason] = Field(default_factory=list, max_length=LIST_LENGTH)
    """Why the institution sees a risk."""
    absence_percent: Percent | None = None
    """Absence in percent, 0 to 100."""
    note: Note | None = None
    """Words to the municipality, at most 500 characters."""
    contact: Contact | None = None
    """The institution's contact person."""
    notice_id: MessageReference | None = None
    """Message id of the RAISED notice that a WITHDRAWN takes back."""

    @model_validator(mode="after")
    def _withdraws_something(self) -> Self:
        if self.event == "WITHDRAWN" and self.notice_id is None:
            raise refuse(
                "notice_id", "is missing from a WITHDRAWN", "send the id of the RAISED message it withdraws"
            )
        return self
