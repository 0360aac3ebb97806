"""`GUIDE_MENTOR_RIGHT`: who has the right to a mentor must be told so (LAB § 167, stk. 3)."""

from functools import partial

from streams.rules.enrolment_duty import (
    admission_in_force,
    after_last_stint,
    draft_of_stint,
    open_for_stint,
    settle,
)
from streams.rules.facts import EnrolmentFact, Fact, MentorFact
from streams.rules.history import Enrolment, History
from streams.rules.mentor_right import MentorRight, Right, mentor_right
from streams.rules.replay import Desk

# Who asks, declines or gets a mentor has been guided.
_GUIDED = ("GUIDED", "REQUESTED", "DECLINED", "ASSIGNED")


def mentor_guidance(fact: Fact, history: History, desk: Desk) -> None:
    # An enrolment may change which one a mentor message without an id is about.
    every = history.mentors or not isinstance(fact, EnrolmentFact)
    for enrolment in history.enrolments.values() if every else history.touched_by(fact):
        _read(fact, history, desk, enrolment)


def _read(fact: Fact, history: History, desk: Desk, enrolment: Enrolment) -> None:
    draft = draft_of_stint(desk, enrolment)
    if draft and draft.final:
        return
    admission = admission_in_force(enrolment, history)
    if admission is None:
        return
    right = mentor_right(history, enrolment, draft.rule_set if draft else admission[1])
    holds = right.right is not Right.NO
    if draft is None:
        if not holds or enrolment.ended_by:
            return
        rule = admission[1].rules.mentor_guidance
        draft = open_for_stint(desk, enrolment, rule, admission[1], admission[0])
    if holds:
        draft.warnings = right.warnings
        draft.explain = partial(_explanation, enrolment.institution, enrolment.enrolment_id, right)
    settle(draft, enrolment, fact, _guided(history, enrolment), ground=holds)


def _guided(history: History, enrolment: Enrolment) -> MentorFact | None:
    admitted_on = enrolment.admitted_on
    for mentor in history.mentors:
        if (
            mentor.event in _GUIDED
            and admitted_on is not None
            and mentor.on >= admitted_on
            and after_last_stint(mentor, enrolment)
            and history.is_about(mentor, enrolment)
        ):
            return mentor
    return None


def _explanation(institution: str, enrolment_id: str, right: MentorRight) -> str:
    admitted = f"Admission to institution {institution} (enrolment {enrolment_id}) on {right.admitted_on}"
    if right.right is Right.VERIFY:
        return f"{admitted} may give the right to a mentor; not known: {', '.join(right.reasons)}"
    return f"{admitted} gives the right to a mentor, to be guided about ({', '.join(right.reasons)})"
