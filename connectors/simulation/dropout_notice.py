"""A notice of risk of dropout, and how the municipality reacts: in time, late, or never."""

from typing import Any

from connectors.simulation.calendar import DAY
from connectors.simulation.enrolment import Enrolment
from connectors.simulation.stage import Process, Stage

_REASONS = ("ABSENCE", "ACADEMIC", "WELLBEING", "SOCIAL", "FINANCIAL", "OTHER")
_FORMS = ("PHONE", "PHONE", "IN_PERSON", "VIDEO", "LETTER")
_INITIATIVES = ("MENTOR", "COUNSELLING", "ADJUSTED_TIMETABLE", "SUPPORT_HOURS")


def dropout_notice(stage: Stage, enrolment: Enrolment, at: int) -> Process:
    """The institution raises a notice; it may raise another one, or withdraw it."""
    if enrolment.ended:
        return
    notice = _raise(stage, enrolment, at)
    stage.spawn(_reaction(stage, enrolment, notice, at), at)
    if stage.chance(0.3):
        at = stage.working_days(1, 4, at)
        yield at
        if not enrolment.ended:
            _raise(stage, enrolment, at)
    if stage.chance(0.15):
        at = stage.working_days(1, 9, at)
        yield at
        data = _data(stage, enrolment, at, "WITHDRAWN") | {"reasons": ["OTHER"], "notice_id": notice}
        stage.send(at, enrolment.institution.address, "dropout-risk", data, causation=notice)
    elif stage.chance(0.6):
        at = stage.days(25, 90, at)
        yield at
        stage.spawn(dropout_notice(stage, enrolment, at), at)


def dropout_follow_up(stage: Stage, enrolment: Enrolment, at: int) -> Process:
    """The municipality follows up a dropout; one in four is forgotten."""
    if stage.chance(0.25):
        return
    at = stage.working_days(1, 9, at)
    yield at
    event = stage.random.choice(("CONTACTED", "CONTACTED", "DECIDED"))
    _follow_up(stage, enrolment, at, event, {"enrolment_id": enrolment.enrolment_id})


def _raise(stage: Stage, enrolment: Enrolment, at: int) -> str:
    random = stage.random
    data = _data(stage, enrolment, at, "RAISED")
    data["reasons"] = random.sample(_REASONS, random.choice((1, 1, 2)))
    if "ABSENCE" in data["reasons"]:
        data["absence_percent"] = random.randint(10, 80)
    if stage.chance(0.2):
        data["note"] = "Har ikke været til undervisning i en periode (syntetisk)."
    if stage.chance(0.5):
        data["contact"] = enrolment.contact(stage)
    return stage.send(at, enrolment.institution.address, "dropout-risk", data)


def _data(stage: Stage, enrolment: Enrolment, at: int, event: str) -> dict[str, Any]:
    data = {
        "citizen": enrolment.person.citizen,
        "enrolment_id": enrolment.enrolment_id,
        "event": event,
        "observed_on": stage.calendar.iso_date(at // DAY - stage.random.choice((0, 0, 1, 3))),
    }
    if stage.chance(0.6):
        data["study_start_on"] = stage.calendar.iso_date(enrolment.starts)
    return data


def _reaction(stage: Stage, enrolment: Enrolment, notice: str, at: int) -> Process:
    raised_at = at
    for _ in range(stage.random.choice((0, 0, 1, 1, 2))):
        at = stage.working_days(0, 2, at)
        yield at
        _follow_up(stage, enrolment, at, "ATTEMPTED", _reference(stage, enrolment, notice))
    reacts = stage.random.random()
    if reacts > 0.8:
        return
    contacted_at = (
        stage.working_days(1, 5, raised_at) if reacts < 0.6 else stage.working_days(6, 16, raised_at)
    )
    at = max(at + 900, contacted_at)
    yield at
    contacted = _follow_up(stage, enrolment, at, "CONTACTED", _reference(stage, enrolment, notice))
    if contacted is not None and stage.chance(0.01):
        at = stage.working_days(0, 2, at)
        yield at
        _retract(stage, enrolment, contacted, at)
        return
    if stage.chance(0.5):
        at = stage.working_days(0, 8, at)
        yield at
        _follow_up(stage, enrolment, at, "DECIDED", _reference(stage, enrolment, notice))


def _reference(stage: Stage, enrolment: Enrolment, notice: str) -> dict[str, Any]:
    draw = stage.random.random()
    if draw < 0.7:
        return {"notice_id": notice, "enrolment_id": enrolment.enrolment_id}
    return {"enrolment_id": enrolment.enrolment_id} if draw < 0.92 else {}


def _follow_up(
    stage: Stage, enrolment: Enrolment, at: int, event: str, reference: dict[str, Any]
) -> tuple[str, str] | None:
    """Gives sender and id, or None where no municipality handles the person."""
    person = enrolment.person
    if not person.known:
        return None
    data: dict[str, Any] = {
        "citizen": person.citizen,
        **reference,
        "event": event,
        "on": stage.calendar.iso_date(at // DAY),
    }
    if event == "DECIDED":
        data["initiatives"] = stage.random.sample(_INITIATIVES, stage.random.choice((1, 1, 2)))
    else:
        data["form"] = stage.random.choice(_FORMS)
    if "enrolment_id" in reference and stage.chance(0.5):
        data["institution"] = enrolment.institution.number
    sender = person.address
    return sender, stage.send(at, sender, "follow-up", data, causation=reference.get("notice_id"))


def _retract(stage: Stage, enrolment: Enrolment, contacted: tuple[str, str], at: int) -> None:
    """The contact was recorded on the wrong young person: its sender takes it back."""
    sender, message_id = contacted
    stage.send(at, sender, "correction", {"retracts": message_id, "reason": "Registreret på forkert borger."})
