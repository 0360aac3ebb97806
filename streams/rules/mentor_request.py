"""`ASSIGN_MENTOR` and `ASSESS_MENTOR`: somebody asked for a mentor (LAB § 167, stk. 1 and 3).

Both are one task: the mentor right, and how long after admission the request came, decide which it is. The
day of the request is that of its message.
"""

from functools import partial

from streams.rules.facts import CitizenStatusFact, Fact, MentorFact
from streams.rules.history import History
from streams.rules.mentor_enrolment import about, about_draft
from streams.rules.mentor_right import MentorRight, Right, mentor_right
from streams.rules.replay import Desk, Draft, message_anchor
from streams.rules.working_days import add_months


def mentor_request(fact: Fact, history: History, desk: Desk) -> None:
    if isinstance(fact, MentorFact) and fact.event == "REQUESTED":
        _requested(fact, history, desk)
    for draft in desk.unsettled():
        _judge(draft, history)
        for mentor in _answers(fact, history, draft):
            _close(mentor, history, draft)


def _requested(request: MentorFact, history: History, desk: Desk) -> None:
    rule_set = history.book.at(request.day)
    if rule_set is None:
        return
    enrolment = about(request, history)
    for draft in desk.unsettled():
        if enrolment.is_same(about_draft(draft, history)):
            draft.join(request)
            return
    desk.open(rule_set.rules.mentor_assignment, rule_set, message_anchor(request), request)


def _answers(fact: Fact, history: History, draft: Draft) -> list[MentorFact]:
    """What may close the task now. An assignment sent in the instant of the request may stand before it."""
    if fact is draft.first:
        return [mentor for mentor in history.mentors if mentor.time == fact.time]
    return [fact] if isinstance(fact, MentorFact) else []


def _judge(draft: Draft, history: History) -> None:
    """Set the kind by what is known of the right so far."""
    request, rules = draft.first, draft.rule_set.rules
    assert isinstance(request, MentorFact)
    enrolment = history.enrolment_of(request)
    right = mentor_right(history, enrolment, draft.rule_set)
    in_time = right.admitted_on is None or request.day <= add_months(
        right.admitted_on, rules.mentor_assignment.window_months
    )
    named = enrolment.enrolment_id if enrolment else None
    draft.enrolment_id = request.enrolment_id or named
    if right.right is Right.NO or not in_time:
        draft.rule, draft.warnings = rules.mentor_assessment, ()
        draft.explain = partial(_explain_assessment, draft, right)
    else:
        draft.rule, draft.warnings = rules.mentor_assignment, right.warnings
        draft.explain = partial(_explain_assignment, draft, right, knows_mentor=_has_contact_person(history))


def _close(mentor: MentorFact, history: History, draft: Draft) -> None:
    if draft.final or not about(mentor, history).may_be(about_draft(draft, history)):
        return
    mandatory, later = draft.rule.mandatory, mentor.time > draft.first.time
    if mentor.event == "ASSIGNED" or (mentor.event == "DECLINED" and later and not mandatory):
        draft.done(mentor)
    elif mentor.event in ("DECLINED", "ENDED") and later and mandatory:
        draft.cancel(mentor)


def _has_contact_person(history: History) -> bool:
    """Whether the latest status that names contact persons names one for people under 25."""
    latest: CitizenStatusFact | None = None
    for status in history.statuses:
        if status.contact_persons and (latest is None or status.valid_from >= latest.valid_from):
            latest = status
    return latest is not None and "UNDER_25" in latest.contact_persons


def _explain_assignment(draft: Draft, right: MentorRight, *, knows_mentor: bool) -> str:
    asked = f"A mentor was asked for on {draft.first.day}"
    if right.admitted_on is None:
        told = f"{asked}; whether there is a right to one must be verified: {', '.join(right.reasons)}"
    else:
        months = draft.rule_set.rules.mentor_assignment.window_months
        told = f"{asked}, within {months} months of admission on {right.admitted_on}"
        if right.right is Right.VERIFY:
            told += f"; the right to one must be verified: not known: {', '.join(right.reasons)}"
    if knows_mentor:
        told += "; the contact person for people under 25 may be the mentor too"
    return told


def _explain_assessment(draft: Draft, right: MentorRight) -> str:
    asked = f"A mentor was asked for on {draft.first.day}"
    if right.right is Right.NO:
        return (
            f"{asked} without a right to one (it lacks {', '.join(right.reasons)}): the need must be assessed"
        )
    months = draft.rule_set.rules.mentor_assignment.window_months
    late = f"later than {months} months after admission on {right.admitted_on}"
    return f"{asked}, {late}: the need must be assessed"
