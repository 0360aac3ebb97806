"""`REVIEW_MENTOR_END`: before a mentor's period ends, extend it or end it (LAB § 167, stk. 1)."""

from datetime import timedelta
from functools import partial

from streams.rules.facts import Fact, MentorFact
from streams.rules.history import History
from streams.rules.mentor_enrolment import about, about_draft
from streams.rules.mentor_period import Period, Periods, periods_after
from streams.rules.replay import Desk, Draft, message_anchor
from streams.rules.ruleset import MentorReviewRule, RuleSet

_OF_PERIODS = ("ASSIGNED", "EXTENDED", "ENDED")


def mentor_review(fact: Fact, history: History, desk: Desk) -> None:
    if not isinstance(fact, MentorFact) or fact.event not in _OF_PERIODS:
        return
    if fact.event != "ASSIGNED":
        _close(fact, history, desk)
    period = _periods(fact, history).touched
    rule_set = history.book.at(fact.day)
    if period is None or rule_set is None:
        return
    if period.too_long:
        desk.warnings[fact.ref] = ("MENTOR_PERIOD_TOO_LONG",)
    enrolment = about(fact, history)
    for draft in desk.unsettled():
        if draft.group == period.start and enrolment.may_be(about_draft(draft, history)):
            break
    else:
        draft = desk.open(rule_set.rules.mentor_review, rule_set, message_anchor(fact), fact)
        draft.group = period.start
        draft.enrolment_id = enrolment.enrolment_id
    _plan(draft, period, fact, rule_set)


def _periods(fact: MentorFact, history: History) -> Periods:
    enrolment = about(fact, history)
    return periods_after(
        (earlier, _rule(history.book.at(earlier.day) or history.book.sets[0]).period_months)
        for earlier in history.mentors
        if earlier.event in _OF_PERIODS and about(earlier, history).may_be(enrolment)
    )


def _close(fact: MentorFact, history: History, desk: Desk) -> None:
    enrolment = about(fact, history)
    for draft in desk.unsettled():
        same_instant = fact.event == "ENDED" and fact.time == draft.first.time
        if not same_instant and enrolment.may_be(about_draft(draft, history)):
            draft.done(fact)


def _plan(draft: Draft, period: Period, fact: MentorFact, rule_set: RuleSet) -> None:
    """Set the dates; an update that leaves the end as it was leaves the opening as it was."""
    draft.join(fact)
    if draft.due_on != period.end:
        draft.due_on = period.end
        draft.opens_on = max(period.end - timedelta(days=_rule(rule_set).opens_days_before), fact.day)
    draft.warnings = ("MENTOR_PERIOD_TOO_LONG",) if period.too_long else ()
    draft.explain = partial(_explanation, period, draft.rule_set)


def _rule(rule_set: RuleSet) -> MentorReviewRule:
    return rule_set.rules.mentor_review


def _explanation(period: Period, rule_set: RuleSet) -> str:
    told = (
        f"Municipality {period.opened_by.sender} gave a mentor from {period.start} to {period.end}; before "
        "that it must be decided whether to extend or end it"
    )
    if period.too_long:
        return f"{told} (longer than {_rule(rule_set).period_months} months, the longest period)"
    return told
