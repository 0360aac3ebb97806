"""F5 and F6: guidance about the mentor right, the request, and the mentor's periods. LAB §§ 167-169."""

from typing import Literal

from schemas.flows.forms import Code, Date, EnrolmentReference, Institution, SenderReference
from schemas.flows.records import Citizen, Contact, Data

MentorEvent = Literal["GUIDED", "REQUESTED", "DECLINED", "ASSIGNED", "EXTENDED", "ENDED"]
MentorKind = Literal["INTERNAL", "EXTERNAL", "INSTITUTION"]


class MentorPerson(Data):
    """The mentor."""

    contact: Contact
    """How to reach the mentor."""
    kind: MentorKind
    """Where the mentor is employed; left out of what an institution gets."""


class Mentor(Data):
    """A municipality reports a step of the mentor right."""

    citizen: Citizen
    """The citizen."""
    enrolment_id: EnrolmentReference | None = None
    """Id of the enrolment, chosen by the institution; never a personal number."""
    institution: Institution | None = None
    """Number of the institution of the enrolment, 6 digits."""
    event: MentorEvent
    """What happened."""
    on: Date
    """Day on which it happened."""
    mentor: MentorPerson | None = None
    """The mentor, where one is assigned."""
    used_from: Date | None = None
    """First day of the mentor's period."""
    planned_end: Date | None = None
    """Last day planned for the mentor's period."""
    min_plan_reference: SenderReference | None = None
    """Reference of the agreement in Min Plan; never a personal number."""
    end_reason: Code | None = None
    """Why the period ended: a code of the municipality's system."""
