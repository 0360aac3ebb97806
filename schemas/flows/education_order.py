"""F11: an order to take an education, with the need for support. LAB § 30(7), DFDG order § 44(2)."""

from typing import Literal

from schemas.flows.forms import Date, Institution, Text
from schemas.flows.records import Citizen, Contact, Data, Education

SupportNeed = Literal["NONE", "SOME", "EXTENSIVE", "UNKNOWN"]


class EducationOrder(Data):
    """A municipality orders a citizen to take an education and says what support is needed."""

    citizen: Citizen
    """The citizen; the institution gets birth date and names only."""
    institution: Institution
    """Number of the institution, 6 digits."""
    education: Education
    """The education ordered."""
    ordered_on: Date
    """Day of the order."""
    support_need: SupportNeed
    """How much support is needed."""
    support_note: Text | None = None
    """Words on the support; the institution gets them only where support_note_for_institution is true."""
    support_note_for_institution: bool | None = None
    """Whether support_note is meant for the institution too."""
    contact: Contact
    """The municipality's contact person."""
