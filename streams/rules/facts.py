"""What the rules read of a message, and nothing else: one frozen record a flow.

A fact holds no identifier, name, note or contact; the birth date is the only personal value (age at
admission), and no task shows it. Facts are cheap to build: an agent makes one for every message.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from schemas.identifiers import (
    CaseKey,
    EnrolmentId,
    EuCaseId,
    Flow,
    InstitutionNumber,
    MessageId,
    MunicipalityCode,
    PartyAddress,
    Pseudonym,
)
from streams.rules.model import MessageRef

COPENHAGEN = ZoneInfo("Europe/Copenhagen")

Order = tuple[datetime, str, str]
"""Facts are read by time, then id; the source settles what is left."""


def danish_day(instant: datetime) -> date:
    """The date in Denmark, which is what the law's windows use."""
    return instant.astimezone(COPENHAGEN).date()


@dataclass(frozen=True, slots=True)
class Fact:
    """What every message says. `time` is in UTC; `day` is its date in Denmark.

    `case_key` is what the message is grouped by: the citizen's pseudonym, or the key of the EU case; None
    for a correction that names nobody. `birth_date` follows from the CPR number where there is one.
    """

    flow: ClassVar[Flow]

    source: PartyAddress
    id: MessageId
    time: datetime
    day: date
    subject: Pseudonym | None
    case_key: CaseKey | None
    residence: MunicipalityCode | None
    birth_date: date | None

    @property
    def ref(self) -> MessageRef:
        return MessageRef(self.source, self.id)

    @property
    def order(self) -> Order:
        return self.time, self.id, self.source

    @property
    def sender(self) -> str:
        """The number in the sender's address: institution number, municipality code, or `gateway`."""
        return self.source.rpartition("/")[2]

    @property
    def from_municipality(self) -> bool:
        return self.source.startswith("/municipality/")

    @property
    def from_institution(self) -> bool:
        return self.source.startswith("/institution/")


@dataclass(frozen=True, slots=True)
class EnrolmentFact(Fact):
    flow = "enrolment"
    enrolment_id: EnrolmentId
    event: str
    education_code: str
    qualifies: str
    admitted_on: date | None
    study_start_on: date | None


@dataclass(frozen=True, slots=True)
class DropoutRiskFact(Fact):
    flow = "dropout-risk"
    enrolment_id: EnrolmentId
    event: str
    study_start_on: date | None
    notice_id: MessageId | None


@dataclass(frozen=True, slots=True)
class ContactDetailsFact(Fact):
    flow = "contact-details"
    enrolment_id: EnrolmentId
    institution: InstitutionNumber
    acknowledges: MessageId | None


@dataclass(frozen=True, slots=True)
class CitizenStatusFact(Fact):
    flow = "citizen-status"
    responsible: bool
    readiness: str | None
    vocational_qualification: bool | None
    mentor_exempt: bool | None
    contact_persons: tuple[str, ...]
    valid_from: date


@dataclass(frozen=True, slots=True)
class EducationOrderFact(Fact):
    flow = "education-order"
    institution: InstitutionNumber
    education_code: str


@dataclass(frozen=True, slots=True)
class MentorFact(Fact):
    flow = "mentor"
    enrolment_id: EnrolmentId | None
    institution: InstitutionNumber | None
    event: str
    on: date
    used_from: date | None
    planned_end: date | None
    in_min_plan: bool
    """The message bears a reference to the agreement in Min Plan."""


@dataclass(frozen=True, slots=True)
class FollowUpFact(Fact):
    flow = "follow-up"
    enrolment_id: EnrolmentId | None
    institution: InstitutionNumber | None
    notice_id: MessageId | None
    event: str
    on: date


@dataclass(frozen=True, slots=True)
class ConversationFormFact(Fact):
    flow = "conversation-form"
    event: str
    form: str
    on: date
    unemployed_since: date | None
    reasoned: bool
    """The message gives a reason."""


@dataclass(frozen=True, slots=True)
class EuRegistrationFact(Fact):
    flow = "eu-registration"
    eu_case_id: EuCaseId
    registered_on: date
    document_presented: bool
    competent_country: str
    """EESSI country code of the competent institution (`EL` for Greece, `UK`)."""
    ceased_available_on: date
    entitled_until: date | None
    max_days: int | None
    register_by: date | None
    legal_basis: str


@dataclass(frozen=True, slots=True)
class EuEventFact(Fact):
    flow = "eu-event"
    eu_case_id: EuCaseId
    event: str
    on: date
    sed_type: str | None
    month: str | None
    """`2026-08`."""


@dataclass(frozen=True, slots=True)
class CorrectionFact(Fact):
    """`retracts` is the whole reference: the sender's own message, or for the operator that of another.

    `assigned` is the citizen or the EU case that `municipality` becomes responsible for. `merged` is
    (pseudonym of the citizen, pseudonym that it becomes part of).
    """

    flow = "correction"
    retracts: MessageRef | None
    assigned: CaseKey | None
    municipality: MunicipalityCode | None
    merged: tuple[Pseudonym, Pseudonym] | None
