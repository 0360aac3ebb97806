"""What of a message its recipient may see (contracts: "Who gets what").

A municipality that a message concerns sees all of it. An institution sees a citizen by names and birth date
only, that a municipality reacted but not how, and of a mentor only the person and the dates.
"""

from collections.abc import Callable
from typing import Any

from schemas.identifiers import Flow, PartyAddress, parse_cpr, parse_party
from schemas.message import Record


def citizen_as_seen(citizen: Record | None, recipient: PartyAddress) -> dict[str, Any] | None:
    """The citizen record as the recipient may see it: a municipality all, an institution names and date.

    The birth date is read out of the CPR number where it was not given.
    """
    if citizen is None:
        return None
    if parse_party(recipient)[0] != "institution":
        return dict(citizen)
    birth_date = citizen["birth_date"]
    if birth_date is None and citizen["cpr"]:
        birth_date = parse_cpr(citizen["cpr"]).birth_date
    return _blank(
        citizen,
        family_name=citizen["family_name"],
        forename=citizen["forename"],
        birth_date=birth_date,
    )


def visible_record(flow: Flow, record: Record, recipient: PartyAddress) -> Record:
    """The data of a message with only the fields that this recipient may see, in the flow's own schema.

    Raises:
        LookupError: the flow is never forwarded to such a recipient.
    """
    if parse_party(recipient)[0] != "institution":
        return record
    return FOR_INSTITUTIONS[flow](record, recipient)


def _blank(record: Record, **kept: object) -> dict[str, Any]:
    """The record with every other field absent: null, or an empty list."""
    return {
        field: kept.get(field, [] if isinstance(value, list) else None) for field, value in record.items()
    }


def _contact_details(record: Record, recipient: PartyAddress) -> Record:
    return {**record, "citizen": citizen_as_seen(record["citizen"], recipient)}


def _education_order(record: Record, recipient: PartyAddress) -> Record:
    note = record["support_note"] if record["support_note_for_institution"] else None
    return {**record, "citizen": citizen_as_seen(record["citizen"], recipient), "support_note": note}


def _mentor(record: Record, recipient: PartyAddress) -> Record:
    fields = ("enrolment_id", "institution", "event", "on", "used_from", "planned_end")
    mentor = record["mentor"]
    return _blank(
        record,
        citizen=citizen_as_seen(record["citizen"], recipient),
        mentor=_blank(mentor, contact=mentor["contact"]) if mentor else None,
        **{field: record[field] for field in fields},
    )


def _follow_up(record: Record, recipient: PartyAddress) -> Record:
    fields = ("enrolment_id", "notice_id", "event", "on")
    return _blank(record, citizen=_blank(record["citizen"]), **{field: record[field] for field in fields})


FOR_INSTITUTIONS: dict[Flow, Callable[[Record, PartyAddress], Record]] = {
    "contact-details": _contact_details,
    "education-order": _education_order,
    "mentor": _mentor,
    "follow-up": _follow_up,
}
"""The flows that an institution may get, and how each is cut for it."""
