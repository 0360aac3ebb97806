"""From a checked message to the fact that the rules read; an agent does this for every message."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from schemas.identifiers import CaseKey, Flow, MessageId, MunicipalityCode, PartyAddress, Pseudonym, parse_cpr
from schemas.message import Message, Record
from streams.rules.facts import (
    CitizenStatusFact,
    ContactDetailsFact,
    ConversationFormFact,
    CorrectionFact,
    DropoutRiskFact,
    EducationOrderFact,
    EnrolmentFact,
    EuEventFact,
    EuRegistrationFact,
    Fact,
    FollowUpFact,
    MentorFact,
    danish_day,
)
from streams.rules.model import MessageRef

__all__ = ["Fact", "fact_of"]

Shared = tuple[
    PartyAddress,
    MessageId,
    datetime,
    date,
    Pseudonym | None,
    CaseKey | None,
    MunicipalityCode | None,
    date | None,
]
"""The fields that every fact has, in their order."""


def fact_of(message: Message) -> Fact:
    """The fact that a checked message states."""
    envelope, data = message.envelope, message.data
    citizen = data.get("citizen")
    if citizen is None and envelope.flow == "correction":
        citizen = _citizen_of_correction(data)
    residence = born = None
    if citizen is not None:
        residence = citizen["residence_municipality"]
        cpr = citizen["cpr"]
        born = parse_cpr(cpr).birth_date if cpr else citizen["birth_date"]
    time = envelope.time if envelope.time.tzinfo is UTC else envelope.time.astimezone(UTC)
    shared = (
        envelope.source,
        envelope.id,
        time,
        danish_day(time),
        message.subject,
        message.case_key,
        residence,
        born,
    )
    return _READ[envelope.flow](shared, data, message)


def _citizen_of_correction(data: Record) -> Record | None:
    if data["merges"]:
        into: Record = data["merges"]["into"]
        return into
    return data["assigns"]["citizen"] if data["assigns"] else None


def _enrolment(shared: Shared, data: Record, _: Message) -> Fact:
    education = data["education"]
    return EnrolmentFact(
        *shared,
        data["enrolment_id"],
        data["event"],
        education["code"],
        education["qualifies"],
        data["admitted_on"],
        data["study_start_on"],
    )


def _dropout_risk(shared: Shared, data: Record, _: Message) -> Fact:
    return DropoutRiskFact(
        *shared, data["enrolment_id"], data["event"], data["study_start_on"], data["notice_id"]
    )


def _contact_details(shared: Shared, data: Record, _: Message) -> Fact:
    return ContactDetailsFact(*shared, data["enrolment_id"], data["institution"], data["acknowledges"])


def _citizen_status(shared: Shared, data: Record, _: Message) -> Fact:
    return CitizenStatusFact(
        *shared,
        data["responsible"],
        data["readiness"],
        data["vocational_qualification"],
        data["mentor_exempt"],
        tuple(data["contact_persons"] or ()),
        data["valid_from"],
    )


def _education_order(shared: Shared, data: Record, _: Message) -> Fact:
    return EducationOrderFact(*shared, data["institution"], data["education"]["code"])


def _mentor(shared: Shared, data: Record, _: Message) -> Fact:
    return MentorFact(
        *shared,
        data["enrolment_id"],
        data["institution"],
        data["event"],
        data["on"],
        data["used_from"],
        data["planned_end"],
        bool(data["min_plan_reference"]),
    )


def _follow_up(shared: Shared, data: Record, _: Message) -> Fact:
    return FollowUpFact(
        *shared, data["enrolment_id"], data["institution"], data["notice_id"], data["event"], data["on"]
    )


def _conversation_form(shared: Shared, data: Record, _: Message) -> Fact:
    return ConversationFormFact(
        *shared,
        data["event"],
        data["form"],
        data["on"],
        data["unemployed_since"],
        bool((data["reason"] or "").strip()),
    )


def _eu_registration(shared: Shared, data: Record, _: Message) -> Fact:
    return EuRegistrationFact(
        *shared,
        data["eu_case_id"],
        data["registered_on"],
        data["document_presented"],
        data["competent_institution"]["id"][:2],
        data["ceased_available_on"],
        data["entitled_until"],
        data["max_days"],
        data["register_by"],
        data["legal_basis"],
    )


def _eu_event(shared: Shared, data: Record, _: Message) -> Fact:
    return EuEventFact(
        *shared, data["eu_case_id"], data["event"], data["on"], data["sed_type"], data["month"]
    )


def _correction(shared: Shared, data: Record, message: Message) -> Fact:
    retracts = None
    if data["retracts"]:
        # Only the operator may take back what another sent.
        source = (data["of"] if message.envelope.source == "/gateway" else None) or message.envelope.source
        retracts = MessageRef(PartyAddress(source), MessageId(data["retracts"]))
    assigns = data["assigns"]
    return CorrectionFact(
        *shared, retracts, message.assigned, assigns["municipality"] if assigns else None, message.merged
    )


_READ: Mapping[Flow, Callable[[Shared, Record, Message], Fact]] = {
    "enrolment": _enrolment,
    "dropout-risk": _dropout_risk,
    "contact-details": _contact_details,
    "citizen-status": _citizen_status,
    "education-order": _education_order,
    "mentor": _mentor,
    "follow-up": _follow_up,
    "conversation-form": _conversation_form,
    "eu-registration": _eu_registration,
    "eu-event": _eu_event,
    "correction": _correction,
}
