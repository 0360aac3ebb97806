"""Whether a young person has the right to a mentor at admission (LAB § 167, stk. 3)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any

from streams.rules.facts import CitizenStatusFact
from streams.rules.history import Enrolment, History
from streams.rules.ruleset import RuleSet

_QUALIFYING = "a qualifying education"
_NO_LAW = "a law that gives it"


class Right(StrEnum):
    YES = "yes"
    NO = "no"
    VERIFY = "verify"
    """Something that decides it is not known: a caseworker must look."""


@dataclass(frozen=True, slots=True)
class MentorRight:
    """The answer and its reasons. `warnings` go with every task that rests on the right."""

    right: Right
    admitted_on: date | None
    exempt: bool
    reasons: tuple[str, ...]
    """What is false (no), what is not known (verify), or all that is true (yes)."""

    @property
    def warnings(self) -> tuple[str, ...]:
        verify = ("VERIFY_MENTOR_RIGHT",) if self.right is Right.VERIFY else ()
        return (*verify, "MENTOR_EXEMPT") if self.exempt else verify


def mentor_right(history: History, enrolment: Enrolment | None, rule_set: RuleSet) -> MentorRight:
    """Judged with what has been read so far; without a known enrolment it is to be verified.

    A contact person or aftercare never removes the right; being exempt does not either, but is said.
    """
    if not rule_set.mentor_right.enabled:
        return MentorRight(Right.NO, enrolment.admitted_on if enrolment else None, False, (_NO_LAW,))
    if enrolment is not None and enrolment.qualifies not in rule_set.mentor_right.qualifies:
        return MentorRight(Right.NO, enrolment.admitted_on, False, (_QUALIFYING,))
    if enrolment is None or enrolment.admitted_on is None:
        exempt = status_value(history.statuses, "mentor_exempt", date.max) is True
        return MentorRight(Right.VERIFY, None, exempt, ("the admission is not known",))
    law, day = rule_set.mentor_right, enrolment.admitted_on
    qualified = status_value(history.statuses, "vocational_qualification", day)
    readiness = status_value(history.statuses, "readiness", day)
    holds = (
        enrolment.qualifies in law.qualifies,
        _known_age_below(law.age_below, history.birth_date, day),
        None if qualified is None else not qualified,
        None if readiness is None else readiness in law.readiness,
    )
    exempt = status_value(history.statuses, "mentor_exempt", day) is True
    conditions = _conditions(law.age_below)
    if False in holds:
        lacking = tuple(name for name, held in zip(conditions, holds, strict=True) if held is False)
        return MentorRight(Right.NO, day, exempt, lacking)
    if None in holds:
        unknown = tuple(name for name, held in zip(conditions, holds, strict=True) if held is None)
        return MentorRight(Right.VERIFY, day, exempt, unknown)
    return MentorRight(Right.YES, day, exempt, conditions)


@cache
def _conditions(age_below: int) -> tuple[str, str, str, str]:
    return (
        _QUALIFYING,
        f"age under {age_below}",
        "no vocational qualification",
        "readiness for education or activity",
    )


def _known_age_below(limit: int, born: date | None, day: date) -> bool | None:
    return None if born is None else age_on(born, day) < limit


def age_on(born: date, day: date) -> int:
    """Full years; who was born on 29 February has the birthday on 1 March in other years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def status_value(statuses: list[CitizenStatusFact], field: str, day: date) -> Any:
    """The latest value that holds on the day, else the earliest that holds later, of this field by itself.

    Statuses are in the order of sending: of two that hold from the same day, the one sent later counts,
    since it corrects the other.
    """
    before: CitizenStatusFact | None = None
    after: CitizenStatusFact | None = None
    for status in statuses:
        if getattr(status, field) is None:
            continue
        if status.valid_from <= day:
            if before is None or status.valid_from >= before.valid_from:
                before = status
        elif after is None or status.valid_from <= after.valid_from:
            after = status
    chosen = before or after
    return None if chosen is None else getattr(chosen, field)
