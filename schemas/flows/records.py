"""Records that several flows share: the citizen, a contact, an education."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from schemas.flows.forms import (
    Country,
    CprText,
    Date,
    EducationCode,
    Email,
    ForeignNumber,
    Label,
    Municipality,
    Name,
)

Qualifies = Literal["STUDY", "VOCATIONAL", "PREPARATORY"]
ConversationFormat = Literal["IN_PERSON", "VIDEO", "PHONE", "LETTER"]


class Data(BaseModel):
    """Part of a message's data.

    `model_validate` takes a `Record` from Avro or an object from JSON, `model_dump()` gives the `Record`.
    """

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


def refuse(field: str, problem: str, mend: str) -> PydanticCustomError:
    """A fault that concerns a field of the record because of another field."""
    return PydanticCustomError("conflict", "{problem}", {"field": field, "problem": problem, "mend": mend})


class ForeignId(Data):
    """A personal number of another country."""

    country: Country
    """Country that issued the number: 2 capital letters as EESSI writes them (EL for Greece)."""
    number: ForeignNumber
    """The number as the country writes it."""


class VisibleCitizen(Data):
    """What a recipient may see of a citizen, which may be nothing."""

    cpr: CprText | None = None
    """Personal number, 10 digits without hyphen; day + 60 in a replacement number."""
    foreign_id: ForeignId | None = None
    """Personal number of another country."""
    family_name: Name | None = None
    """Family name."""
    forename: Name | None = None
    """All forenames."""
    birth_date: Date | None = None
    """Date of birth."""
    residence_municipality: Municipality | None = None
    """Code of the municipality of residence, 3 digits."""


class Citizen(VisibleCitizen):
    """A citizen as a sender must give one: with a personal number."""

    @model_validator(mode="after")
    def _is_identified(self) -> Self:
        if self.cpr is None and self.foreign_id is None:
            raise refuse("", "does not identify anyone", "send cpr or foreign_id")
        return self


class EuCitizen(VisibleCitizen):
    """A citizen of an EU flow, who may have no personal number yet."""

    @model_validator(mode="after")
    def _is_identified(self) -> Self:
        named = self.family_name is not None and self.forename is not None and self.birth_date is not None
        if self.cpr is None and self.foreign_id is None and not named:
            raise refuse(
                "",
                "does not identify anyone",
                "send cpr, foreign_id, or family_name with forename and birth_date",
            )
        return self


class Contact(Data):
    """A person or unit that can be reached."""

    name: Name
    """Name of the person or unit."""
    title: Label | None = None
    """Title or function."""
    unit: Label | None = None
    """Department or office."""
    email: Email | None = None
    """E-mail address; this or phone must be there."""
    phone: Label | None = None
    """Telephone number; this or email must be there."""

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if not self.email and not (self.phone and self.phone.strip()):
            raise refuse("", "cannot be reached", "send email or phone")
        return self


class Education(Data):
    """An education that someone is admitted to or ordered to take."""

    code: EducationCode
    """Education code (UDD or CØSA), 4 digits."""
    title: Label | None = None
    """Title of the education."""
    qualifies: Qualifies
    """Whether it is a study, a vocational education, or prepares for one."""
