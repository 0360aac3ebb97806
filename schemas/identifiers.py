"""Identifiers as types, and what makes each of them well-formed.

A bare `str` for an identifier is a defect: use these types. Sources: the project's domain description
(docs/), CPR-kontoret's note on personal numbers without modulus control (2007), EESSI institution ids.
"""

from typing import Literal, NewType

Pseudonym = NewType("Pseudonym", str)
"""A citizen: keyed HMAC-SHA256 of the identifier, 128 bits, base32 in lower case without padding (26 characters)."""
CaseKey = NewType("CaseKey", str)
"""What facts are grouped by: a citizen's `Pseudonym`, or `eu-` + 26 characters, the HMAC of an `eu_case_id`."""
MessageId = NewType("MessageId", str)
"""UUID chosen by the sender, canonical lower-case text."""
PartyAddress = NewType("PartyAddress", str)
"""`/institution/280051`, `/municipality/751` or `/gateway`."""
MunicipalityCode = NewType("MunicipalityCode", str)
InstitutionNumber = NewType("InstitutionNumber", str)
EnrolmentId = NewType("EnrolmentId", str)
EuCaseId = NewType("EuCaseId", str)
TaskId = NewType("TaskId", str)

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
