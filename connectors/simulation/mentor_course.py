"""The mentor right: guided, requested or declined, assigned, extended, ended."""

from typing import Any

from connectors.simulation.calendar import DAY
from connectors.simulation.enrolment import Enrolment
from connectors.simulation.stage import Process, Stage


def mentor_course(stage: Stage, enrolment: Enrolment, at: int) -> Process:
    """The municipality guides about the right (some never do); one in three asks for a mentor."""
    if stage.chance(0.12):
        return
    at = stage.working_days(1, 9, at) if stage.chance(0.85) else stage.working_days(10, 20, at)
    yield at
    if enrolment.ended or not enrolment.person.known:
        return
    _mentor(stage, enrolment, at, "GUIDED")
    draw = stage.random.random()
    if draw > 0.48:
        return
    at = stage.working_days(0, 6, at) if stage.chance(0.8) else stage.days(60, 230, at)
    yield at
    if draw > 0.38:
        _mentor(stage, enrolment, at, "DECLINED")
        return
    _mentor(stage, enrolment, at, "REQUESTED")
    if stage.chance(0.12):
        return
    at = stage.working_days(1, 9, at)
    yield at
    yield from _assigned(stage, enrolment, at)


def _assigned(stage: Stage, enrolment: Enrolment, at: int) -> Process:
    """Periods of at most half a year (a few longer), each extended or ended, or forgotten."""
    begins = at // DAY
    ends = _planned_end(stage, begins)
    period: dict[str, Any] = {"mentor": _mentor_of(stage, enrolment)}
    registered = stage.chance(0.65)
    if stage.chance(0.8):
        period["used_from"] = stage.calendar.iso_date(begins)
    if stage.chance(0.85):
        period["planned_end"] = stage.calendar.iso_date(ends)
    plan = {"min_plan_reference": f"MP-{stage.random.randrange(10**6):06}"}
    _mentor(stage, enrolment, at, "ASSIGNED", **period, **(plan if registered else {}))
    if not registered and stage.chance(0.7):
        at = stage.working_days(1, 12, at)
        yield at
        _mentor(stage, enrolment, at, "ASSIGNED", **period, **plan)
    if stage.chance(0.2):
        return
    at = max(at + 900, stage.calendar.moment(ends - stage.random.randint(0, 20), stage.random))
    yield at
    if not enrolment.ended and stage.chance(0.5):
        ends = _planned_end(stage, ends)
        _mentor(stage, enrolment, at, "EXTENDED", planned_end=stage.calendar.iso_date(ends), **plan)
        at = max(at + 900, stage.calendar.moment(ends - stage.random.randint(0, 20), stage.random))
        yield at
    _mentor(stage, enrolment, at, "ENDED", end_reason="NO_LONGER_NEEDED")


def _planned_end(stage: Stage, begins: int) -> int:
    lengths = (178, 178, 90, 120, 240) if stage.calendar.pace == 1.0 else (178, 90, 25, 14, 240)
    return begins + stage.random.choice(lengths)


def _mentor_of(stage: Stage, enrolment: Enrolment) -> dict[str, Any]:
    kind = stage.random.choice(("INTERNAL", "EXTERNAL", "INSTITUTION"))
    if kind == "INSTITUTION":
        contact = enrolment.contact(stage)
    else:
        contact = stage.parties.caseworker(enrolment.person.municipality, stage.random)
    return {"contact": contact, "kind": kind}


def _mentor(stage: Stage, enrolment: Enrolment, at: int, event: str, **more: Any) -> None:
    person = enrolment.person
    data: dict[str, Any] = {
        "citizen": person.citizen,
        "event": event,
        "on": stage.calendar.iso_date(at // DAY),
        **more,
    }
    if stage.chance(0.9):
        data["enrolment_id"] = enrolment.enrolment_id
        data["institution"] = enrolment.institution.number
    stage.send(at, person.address, "mentor", data)
