"""From admission through study start to completion or dropout, as institutions report it."""

from collections.abc import Generator

from connectors.simulation.calendar import DAY
from connectors.simulation.contact_exchange import contact_exchange, education_order
from connectors.simulation.dropout_notice import dropout_follow_up, dropout_notice
from connectors.simulation.enrolment import Enrolment, enrol
from connectors.simulation.mentor_course import mentor_course
from connectors.simulation.people import Person
from connectors.simulation.stage import Process, Stage

_DROPOUT_REASONS = ("ABSENCE", "WELLBEING", "CHANGED_EDUCATION", "FINANCIAL", "OTHER")


def education_course(stage: Stage, person: Person, at: int) -> Process:
    """One enrolment; those who drop out or never begin often try again later."""
    enrolment = enrol(stage, person, at)
    _surround(stage, enrolment, at)
    if not stage.chance(0.04):
        _admit(stage, enrolment, at)
    if stage.chance(0.15):
        at = yield from _until(stage.days(1, 6, at))
        enrolment.starts += stage.random.choice((0, 7)) if stage.calendar.pace == 1.0 else 1
        enrolment.report(stage, at, "CHANGED", study_start_on=stage.calendar.iso_date(enrolment.starts))
    if stage.chance(0.06):
        at = yield from _until(stage.days(2, 20, at))
        _end(stage, enrolment, at, "CANCELLED", "DECLINED_PLACE")
    else:
        at = yield from _until(max(at + 600, stage.calendar.moment(enrolment.starts, stage.random)))
        started = {"study_start_on": stage.calendar.iso_date(enrolment.starts)}
        enrolment.report(
            stage, at, "STARTED", admitted_on=stage.calendar.iso_date(enrolment.admitted), **started
        )
        at = yield from _studies(stage, enrolment, at)
    if stage.chance(0.7):
        again = stage.days(20, 100, at)
        stage.spawn(education_course(stage, person, again), again)


def earlier_student(stage: Stage, person: Person, at: int) -> Process:
    """Somebody whose study start lies more than half a year back: a notice outside the duty to react."""
    enrolment = enrol(stage, person, at, started_days_ago=stage.random.randint(190, 400))
    stage.spawn(dropout_notice(stage, enrolment, at), at)
    at = yield from _until(stage.days(10, 90, at))
    if stage.chance(0.4):
        _end(stage, enrolment, at, "COMPLETED", None)


def _surround(stage: Stage, enrolment: Enrolment, at: int) -> None:
    if enrolment.education["qualifies"] != "PREPARATORY" or stage.chance(0.3):
        stage.spawn(contact_exchange(stage, enrolment, at), at)
        stage.spawn(mentor_course(stage, enrolment, at), at)
    if stage.chance(0.25):
        stage.spawn(education_order(stage, enrolment, at), at)


def _admit(stage: Stage, enrolment: Enrolment, at: int) -> None:
    more: dict[str, object] = {}
    if stage.chance(0.97):
        more["admitted_on"] = stage.calendar.iso_date(enrolment.admitted)
    if stage.chance(0.85):
        more["study_start_on"] = stage.calendar.iso_date(enrolment.starts)
    if stage.chance(0.4):
        more["contact"] = enrolment.contact(stage)
    enrolment.report(stage, at, "ADMITTED", **more)


def _studies(stage: Stage, enrolment: Enrolment, at: int) -> Generator[int, None, int]:
    """Until the course ends or the window does; returns the instant of the end."""
    at_risk = stage.chance(0.65)
    if at_risk:
        first = stage.days(8, 80, at)
        stage.spawn(dropout_notice(stage, enrolment, first), first)
    if stage.chance(0.5 if at_risk else 0.12):
        at = yield from _until(stage.days(15, 200, at))
        _end(stage, enrolment, at, "DROPPED_OUT", stage.random.choice(_DROPOUT_REASONS))
        stage.spawn(dropout_follow_up(stage, enrolment, at), at)
        return at
    if stage.chance(0.25):
        at = yield from _until(stage.days(120, 300, at))
        _end(stage, enrolment, at, "COMPLETED", None)
        return at
    return stage.calendar.end


def _end(stage: Stage, enrolment: Enrolment, at: int, event: str, reason: str | None) -> None:
    enrolment.ended = True
    more = {"ended_on": stage.calendar.iso_date(at // DAY - stage.random.choice((0, 0, 0, 1, 3)))}
    if reason is not None:
        more["end_reason"] = reason
    enrolment.report(stage, at, event, **more)


def _until(at: int) -> Generator[int, None, int]:
    yield at
    return at
