"""F1: contact details of both sides, with acknowledgement. LAB § 30(7)-(8)."""

from schemas.flows.forms import Date, EnrolmentReference, Institution, MessageReference
from schemas.flows.records import Citizen, Contact, Data


class ContactDetails(Data):
    """A municipality or an institution says whom the other side can reach about a student."""

    citizen: Citizen
    """The student."""
    enrolment_id: EnrolmentReference
    """Id of the enrolment, chosen by the institution; never a personal number."""
    institution: Institution
    """Number of the institution of the enrolment, 6 digits."""
    contact: Contact
    """The sender's contact person."""
    acknowledges: MessageReference | None = None
    """Id of the contact-details message that this one answers."""
    valid_from: Date | None = None
    """First day on which the contact can be used."""
