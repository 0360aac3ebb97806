"""F2: admission, study start, change, cancellation, dropout and completion. LAB § 30(8)."""

from typing import Literal

from schemas.flows.forms import Code, Date, EnrolmentReference
from schemas.flows.records import Citizen, Contact, Data, Education

EnrolmentEvent = Literal["ADMITTED", "STARTED", "CHANGED", "CANCELLED", "DROPPED_OUT", "COMPLETED"]


class Enrolment(Data):
    """An educational institution reports what became of an enrolment."""

    citizen: Citizen
    """The student."""
    enrolment_id: EnrolmentReference
    """Stable id of the enrolment, chosen by the institution; never a personal number."""
    event: EnrolmentEvent
    """What happened."""
    education: Education
    """The education of the enrolment."""
    admitted_on: Date | None = None
    """Day of admission (optagelse)."""
    study_start_on: Date | None = None
    """Day of study start (studiestart)."""
    ended_on: Date | None = None
    """Day on which the enrolment ended."""
    end_reason: Code | None = None
    """Why it ended: a code of the institution's system."""
    contact: Contact | None = None
    """The institution's contact person."""
