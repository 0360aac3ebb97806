"""F7: a job-seeker from the EU/EEA registers. Reg. 883/2004 art. 64, Reg. 987/2009 art. 55(2)-(6)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.flows.forms import (
    LIST_LENGTH,
    Code,
    Country,
    Date,
    Days,
    EessiInstitution,
    EuCaseReference,
    Label,
    Text,
)
from schemas.flows.records import Data, EuCitizen, refuse

LegalBasis = Literal["ART_64", "WITHDRAWAL_AGREEMENT"]


class CompetentInstitution(Data):
    """The institution abroad that pays the benefit."""

    id: EessiInstitution
    """EESSI id, for example DE:0411."""
    name: Label | None = None
    """Name of the institution."""


class EuRegistration(Data):
    """A municipality registers a job-seeker who brings unemployment benefit from another country."""

    citizen: EuCitizen
    """The job-seeker, who may have no Danish personal number yet."""
    eu_case_id: EuCaseReference
    """EESSI case number where there is one, unique for the country; never a personal number."""
    registered_on: Date
    """Day on which the job-seeker registered."""
    document_presented: bool
    """Whether the job-seeker brought the PD U2."""
    competent_institution: CompetentInstitution
    """The institution abroad that pays the benefit."""
    ceased_available_on: Date
    """Day from which the job-seeker was no longer available to the other country's services."""
    entitled_from: Date | None = None
    """First day of the right to bring benefit along."""
    entitled_until: Date | None = None
    """Last day of that right; this or max_days, not both."""
    max_days: Days | None = None
    """Days of that right, from ceased_available_on; this or entitled_until, not both."""
    register_by: Date | None = None
    """Last day to register in time, where the document names one."""
    circumstances: list[Code] = Field(default_factory=list, max_length=LIST_LENGTH)
    """Circumstances that may affect the benefit: codes as in the document."""
    address: Text | None = None
    """Address in Denmark."""
    nationality: list[Country] = Field(default_factory=list, max_length=LIST_LENGTH)
    """Nationalities: 2 capital letters each."""
    legal_basis: LegalBasis
    """Why the benefit follows the person."""

    @model_validator(mode="after")
    def _ends_in_one_way(self) -> Self:
        if self.entitled_until is not None and self.max_days is not None:
            raise refuse(
                "entitled_until", "stands beside max_days", "send one of entitled_until and max_days"
            )
        return self
