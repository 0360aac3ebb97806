"""Contact persons told both ways, and education orders; in time, late, or never."""

from typing import Any

from connectors.simulation.calendar import DAY
from connectors.simulation.enrolment import Enrolment
from connectors.simulation.stage import Process, Stage


def contact_exchange(stage: Stage, enrolment: Enrolment, at: int) -> Process:
    """The municipality names its contact person, the institution acknowledges; later one of them changes."""
    if stage.chance(0.1):
        return
    at = stage.working_days(0, 5, at) if stage.chance(0.8) else stage.working_days(6, 15, at)
    yield at
    if enrolment.ended or not enrolment.person.known:
        return
    told = _municipality_tells(stage, enrolment, at)
    if stage.chance(0.15):
        return
    at = stage.working_days(0, 5, at) if stage.chance(0.85) else stage.working_days(6, 12, at)
    yield at
    _institution_tells(stage, enrolment, at, told if stage.chance(0.7) else None)
    while stage.chance(0.75):
        at = stage.days(20, 110, at)
        yield at
        if enrolment.ended:
            return
        told = _municipality_tells(stage, enrolment, at)
        at = stage.working_days(1, 8, at)
        yield at
        _institution_tells(stage, enrolment, at, told)


def education_order(stage: Stage, enrolment: Enrolment, at: int) -> Process:
    """The municipality orders the education, with the support that the young person needs."""
    at = stage.working_days(0, 6, at)
    yield at
    person = enrolment.person
    if enrolment.ended or not person.known:
        return
    need = stage.random.choice(("NONE", "SOME", "SOME", "EXTENSIVE", "UNKNOWN"))
    data: dict[str, Any] = {
        "citizen": person.citizen,
        "institution": enrolment.institution.number,
        "education": enrolment.education,
        "ordered_on": stage.calendar.iso_date(at // DAY),
        "support_need": need,
        "contact": stage.parties.caseworker(person.municipality, stage.random),
    }
    if need in ("SOME", "EXTENSIVE"):
        data["support_note"] = "Behov for støtte til struktur i hverdagen (syntetisk)."
    stage.send(at, person.address, "education-order", data)


def _municipality_tells(stage: Stage, enrolment: Enrolment, at: int) -> str:
    person = enrolment.person
    data: dict[str, Any] = {
        "citizen": person.citizen,
        "enrolment_id": enrolment.enrolment_id,
        "institution": enrolment.institution.number,
        "contact": stage.parties.caseworker(person.municipality, stage.random),
    }
    if stage.chance(0.3):
        data["valid_from"] = stage.calendar.iso_date(at // DAY)
    return stage.send(at, person.address, "contact-details", data)


def _institution_tells(stage: Stage, enrolment: Enrolment, at: int, acknowledges: str | None) -> None:
    data: dict[str, Any] = {
        "citizen": enrolment.person.citizen,
        "enrolment_id": enrolment.enrolment_id,
        "institution": enrolment.institution.number,
        "contact": enrolment.contact(stage),
    }
    if acknowledges is not None:
        data["acknowledges"] = acknowledges
    stage.send(at, enrolment.institution.address, "contact-details", data, causation=acknowledges)
