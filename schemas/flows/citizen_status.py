"""Who is responsible for a citizen, and what the mentor right depends on. LAB §§ 6, 167."""

from typing import Literal

from pydantic import Field

from schemas.flows.forms import LIST_LENGTH, Code, Date
from schemas.flows.records import Citizen, Data

Readiness = Literal["OBVIOUSLY_EDUCATION_READY", "EDUCATION_READY", "ACTIVITY_READY", "JOB_READY"]
ContactPerson = Literal["UNDER_25", "AFTERCARE"]


class CitizenStatus(Data):
    """A municipality states what it knows of a citizen from a day on."""

    citizen: Citizen
    """The citizen."""
    responsible: bool
    """Whether the sender is the citizen's employment authority."""
    target_group: Code | None = None
    """Target group of the Act, LAB_6_1 to LAB_6_13; the list is dated."""
    readiness: Readiness | None = None
    """How ready the citizen is for education or work."""
    vocational_qualification: bool | None = None
    """Whether the citizen has a vocational qualification (erhvervskompetencegivende uddannelse)."""
    mentor_exempt: bool | None = None
    """Whether the municipality has found that no mentor is to be offered."""
    contact_persons: list[ContactPerson] = Field(default_factory=list, max_length=LIST_LENGTH)
    """Contact persons that the citizen has under other rules."""
    valid_from: Date
    """First day on which this holds."""
