"""Identifiers as types, and what makes each of them well-formed.

A bare `str` for an identifier is a defect: use these types. Sources: the project's domain description
(docs/), CPR-kontoret's notes on the personal number (century by the 7th digit) and on numbers without
modulus control (2007), EESSI institution ids. No error text here ever holds the value it is about.
"""

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal, NewType

from stdnum.dk import cpr as stdnum_cpr
from stdnum.dk import cvr as stdnum_cvr

Pseudonym = NewType("Pseudonym", str)
"""A citizen: keyed HMAC-SHA256 of the identifier, 128 bits, base32 in lower case without padding."""
CaseKey = NewType("CaseKey", str)
"""What facts are grouped by: a citizen's `Pseudonym`, or `eu-` and the HMAC of an `eu_case_id`."""
MessageId = NewType("MessageId", str)
"""UUID chosen by the sender, canonical lower-case text."""
PartyAddress = NewType("PartyAddress", str)
"""`/institution/280051`, `/municipality/751` or `/gateway`."""
MunicipalityCode = NewType("MunicipalityCode", str)
InstitutionNumber = NewType("InstitutionNumber", str)
EnrolmentId = NewType("EnrolmentId", str)
EuCaseId = NewType("EuCaseId", str)
TaskId = NewType("TaskId", str)
SystemId = NewType("SystemId", str)
"""A program that acts for parties, such as `school-admin`: lower-case letters, digits and hyphens."""

Role = Literal["institution", "municipality", "gateway"]
Flow = Literal[
    "enrolment",
    "dropout-risk",
    "contact-details",
    "citizen-status",
    "education-order",
    "mentor",
    "follow-up",
    "conversation-form",
    "eu-registration",
    "correction",
    "eu-event",
]

_PARTY = re.compile(r"/(?:(institution)/([0-9]{6})|(municipality)/([0-9]{3})|(gateway))")
_CPR = re.compile(r"([0-9]{6})-?([0-9]{4})")
_CPR_SHAPE = re.compile(r"([0-9]{2})([0-9]{2})[0-9]{2}[- ]?[0-9]{4}")
_EESSI_INSTITUTION = re.compile(r"[A-Z]{2}:[A-Za-z0-9._-]{1,64}")
_CVR = re.compile(r"[0-9]{8}")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_REPLACEMENT_DAYS = 60


@dataclass(frozen=True, slots=True)
class Cpr:
    """A personal number. `number` is ten digits, `replacement` says that its day is the birth day + 60.

    `mod11` is False where the check digit does not fit: never a fault (numbers without it are issued since
    2007), only a warning. A replacement number is not judged by it: True.
    """

    number: str
    birth_date: date
    replacement: bool
    mod11: bool

    def __repr__(self) -> str:
        return f"Cpr(replacement={self.replacement}, mod11={self.mod11})"


@lru_cache(maxsize=4_096)
def parse_party(text: str) -> tuple[Role, str]:
    """Role and number of an address: `/municipality/751` -> `("municipality", "751")`; the gateway's is "".

    Form only: whether the municipality exists is the code lists' matter. Raises ValueError with the mend.
    """
    match _PARTY.fullmatch(text):
        case re.Match() as found if found[1]:
            return "institution", found[2]
        case re.Match() as found if found[3]:
            return "municipality", found[4]
        case re.Match():
            return "gateway", ""
    raise ValueError("write /institution/ and 6 digits, /municipality/ and 3 digits, or /gateway")


def municipality_address(code: str) -> PartyAddress:
    """`751` -> `/municipality/751`."""
    return PartyAddress(f"/municipality/{code}")


def institution_address(number: str) -> PartyAddress:
    """`280051` -> `/institution/280051`."""
    return PartyAddress(f"/institution/{number}")


# What is read of a message asks three times for the same number. No more than that is kept in memory.
@lru_cache(maxsize=8)
def parse_cpr(text: str) -> Cpr:
    """A personal number written as ten digits, with or without a hyphen after the sixth.

    The century follows from the 7th digit and the year. The date must be one of the calendar; day + 60 is a
    replacement number. Raises ValueError with the mend, never with the value.
    """
    if not (found := _CPR.fullmatch(text)):
        raise ValueError("write ten digits, with or without a hyphen after the sixth")
    number = found[1] + found[2]
    day = int(number[:2])
    replacement = day > _REPLACEMENT_DAYS
    try:
        born = date(_birth_year(number), int(number[2:4]), day - _REPLACEMENT_DAYS if replacement else day)
    except ValueError:
        raise ValueError(
            "the first six digits must be a date (ddmmyy; day + 60 in a replacement number)"
        ) from None
    return Cpr(number, born, replacement, replacement or stdnum_cpr.checksum(number) == 0)


def _birth_year(number: str) -> int:
    seventh, year = number[6], int(number[4:6])
    if seventh <= "3":
        return 1900 + year
    if seventh in "49":
        return (2000 if year <= 36 else 1900) + year
    return (2000 if year <= 57 else 1800) + year


def looks_like_cpr(text: str) -> bool:
    """Whether a text has the shape of a personal number, also a replacement one: ddmmyy and four digits."""
    if not (found := _CPR_SHAPE.fullmatch(text.strip())):
        return False
    day, month = int(found[1]), int(found[2])
    if day > _REPLACEMENT_DAYS:
        day -= _REPLACEMENT_DAYS
    return 1 <= month <= 12 and 1 <= day <= _LONGEST_MONTHS[month - 1]


def is_cvr(text: str) -> bool:
    """Whether a text is a CVR number: eight digits whose weighted sum is divisible by 11."""
    return bool(_CVR.fullmatch(text)) and stdnum_cvr.checksum(text) == 0


def is_eessi_institution(text: str) -> bool:
    """Whether a text is an EESSI institution id, `DE:123456`. Form only: code lists know the countries."""
    return bool(_EESSI_INSTITUTION.fullmatch(text))
