"""The forms of single values in a message: identifiers, codes, dates and bounded text, each with its mend.

pydantic-core checks them all in compiled code, but for those that look for a personal number. What is
refused here is only what cannot be stored, keyed or read; unusual content never is.
"""

from datetime import date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from schemas.identifiers import (
    EnrolmentId,
    EuCaseId,
    InstitutionNumber,
    MessageId,
    MunicipalityCode,
    looks_like_cpr,
    parse_cpr,
)

ID_LENGTH: Final = 100
CODE_LENGTH: Final = 64
NAME_LENGTH: Final = 200
NOTE_LENGTH: Final = 500
TEXT_LENGTH: Final = 2_000
LIST_LENGTH: Final = 50
"""Characters of a text and entries of a list: with these no message comes near the broker's 1 MB."""
FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2200, 12, 31)

_NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f]*$"
_NO_NUL = r"^[^\x00]*$"
_MESSAGE_ID = r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"
_ISO_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_MONTH = r"^(19[0-9]{2}|2[01][0-9]{2}|2200)-(0[1-9]|1[0-2])$"
_INSTITUTION = r"^[0-9]{6}$"
_MUNICIPALITY = r"^[0-9]{3}$"
_EDUCATION = r"^[0-9]{4}$"
_COUNTRY = r"^[A-Z]{2}$"
_EESSI_INSTITUTION = r"^[A-Z]{2}:[A-Za-z0-9._-]{1,64}$"
_EMAIL = r"^[^@\s\x00]+@[^@\s\x00]+$"
_ADDRESS = r"^/(institution/[0-9]{6}|municipality/[0-9]{3}|gateway)$"

MENDS: Final = {
    _NO_CONTROLS: "send plain text on one line, without control characters",
    _NO_NUL: "send the text without NUL characters",
    _MESSAGE_ID: "send the id of the message, a UUID with its four hyphens",
    _MONTH: "send a month between 1900 and 2200 such as 2026-08",
    _INSTITUTION: "send the institution number as text of 6 digits, leading zeros kept",
    _MUNICIPALITY: "send the municipality code as text of 3 digits",
    _EDUCATION: "send the education code as text of 4 digits, leading zeros kept",
    _COUNTRY: "send the country as 2 capital letters, as EESSI writes it (EL for Greece)",
    _EESSI_INSTITUTION: "send the EESSI id: 2 capital letters, a colon, and 1 to 64 of A-Z a-z 0-9 . _ -",
    _EMAIL: "send one e-mail address, or leave the field out",
    _ADDRESS: "send /institution/ and 6 digits, /municipality/ and 3 digits, or /gateway",
}
"""What to send instead, by the pattern that a text did not match."""


class _IsoDate:
    """A `date` from Avro or ISO text from JSON; never a number, a timestamp or a time."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(strict=True, pattern=_ISO_DATE)
        plausible = core_schema.date_schema(strict=False, ge=FIRST_DAY, le=LAST_DAY)
        return core_schema.union_schema(
            [
                core_schema.date_schema(strict=True, ge=FIRST_DAY, le=LAST_DAY),
                core_schema.chain_schema([text, plausible]),
            ],
            mode="left_to_right",
            custom_error_type="iso_date",
            custom_error_message="is not a date of the calendar between 1900 and 2200",
            custom_error_context={"mend": "send an ISO date such as 2026-08-10"},
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "format": "date"}


def _ten_digits(text: str) -> str:
    try:
        return parse_cpr(text).number
    except ValueError as fault:
        raise PydanticCustomError("cpr", "is not a personal number", {"mend": str(fault)}) from None


def _no_personal_number(text: str) -> str:
    if looks_like_cpr(text):
        raise PydanticCustomError(
            "personal_number",
            "has the shape of a personal number",
            {"mend": "send an id that says nothing about the person"},
        )
    return text


def _one_line(length: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=length, pattern=_NO_CONTROLS)


Date = Annotated[date, _IsoDate]
Name = Annotated[str, _one_line(NAME_LENGTH)]
Label = Annotated[str, StringConstraints(max_length=NAME_LENGTH, pattern=_NO_NUL)]
Note = Annotated[str, StringConstraints(max_length=NOTE_LENGTH, pattern=_NO_NUL)]
Text = Annotated[str, StringConstraints(max_length=TEXT_LENGTH, pattern=_NO_NUL)]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_LENGTH, pattern=_NO_NUL)
]
Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=NAME_LENGTH, pattern=_EMAIL)]
Code = Annotated[str, _one_line(CODE_LENGTH), AfterValidator(_no_personal_number)]
"""A code that others own: whether their list has it is the code lists' matter, and only a warning."""
Month = Annotated[str, StringConstraints(pattern=_MONTH)]
Country = Annotated[str, StringConstraints(pattern=_COUNTRY)]

CprText = Annotated[str, AfterValidator(_ten_digits)]
ForeignNumber = Annotated[str, _one_line(CODE_LENGTH)]
SenderReference = Annotated[str, _one_line(ID_LENGTH), AfterValidator(_no_personal_number)]
"""An id that the sender chose; it reaches keys and logs, so it must not be a personal number."""
EnrolmentReference = Annotated[EnrolmentId, _one_line(ID_LENGTH), AfterValidator(_no_personal_number)]
EuCaseReference = Annotated[EuCaseId, _one_line(ID_LENGTH), AfterValidator(_no_personal_number)]
MessageReference = Annotated[MessageId, StringConstraints(to_lower=True, pattern=_MESSAGE_ID)]
Institution = Annotated[InstitutionNumber, StringConstraints(pattern=_INSTITUTION)]
Municipality = Annotated[MunicipalityCode, StringConstraints(pattern=_MUNICIPALITY)]
EducationCode = Annotated[str, StringConstraints(pattern=_EDUCATION)]
EessiInstitution = Annotated[str, StringConstraints(pattern=_EESSI_INSTITUTION)]
Address = Annotated[str, StringConstraints(pattern=_ADDRESS)]
Percent = Annotated[int, Field(ge=0, le=100)]
Days = Annotated[int, Field(ge=1, le=3_660)]
"""At most ten years: later arithmetic on dates stays within the calendar."""
