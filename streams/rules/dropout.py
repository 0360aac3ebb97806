"""Notices of dropout: `CONTACT_YOUNG_PERSON` while the duty holds, `REVIEW_DROPOUT_NOTICE` after it.

LAB § 30, stk. 9. Both are one task: study start, when it becomes known or changes, decides which it is.
"""

from datetime import date
from functools import partial
from typing import cast

from streams.rules.facts import DropoutRiskFact, EnrolmentFact, Fact, FollowUpFact
from streams.rules.history import Enrolment, EnrolmentKey, History
from streams.rules.replay import Desk, Draft, message_anchor
from streams.rules.working_days import add_months


def dropout_notice(fact: Fact, history: History, desk: Desk) -> None:
    if isinstance(fact, DropoutRiskFact) and fact.event == "RAISED":
        _raised(fact, history, desk)
    enrolment = _enrolment_key(fact, history) if isinstance(fact, EnrolmentFact) else None
    for draft in desk.unsettled():
        if enrolment is None or enrolment == draft.group:
            _settle(fact, history, draft)


def _raised(notice: DropoutRiskFact, history: History, desk: Desk) -> None:
    rule_set = history.book.at(notice.day)
    if rule_set is None:
        return
    enrolment = _enrolment_key(notice, history)
    if draft := desk.open_in(enrolment):
        draft.join(notice)
        return
    draft = desk.open(rule_set.rules.dropout_contact, rule_set, message_anchor(notice), notice)
    draft.group = enrolment
    draft.enrolment_id = notice.enrolment_id


def _settle(fact: Fact, history: History, draft: Draft) -> None:
    start = _study_start(history, draft)
    duty = _judge(draft, start)
    draft.explain = partial(_explanation, draft, start, history, duty=duty)
    # A follow-up is looked at when it is read; those read before it, when a notice opens or joins the task.
    fresh = (
        history.follow_ups if fact in draft.caused_by else [f for f in (fact,) if isinstance(f, FollowUpFact)]
    )
    if contact := next((f for f in fresh if f.event == "CONTACTED" and _answers(f, draft, history)), None):
        draft.done(contact)
    elif withdrawal := _all_withdrawn(history, draft):
        draft.cancel(withdrawal)
    elif completed := _ended(history, draft, "COMPLETED"):
        draft.cancel(completed)
    elif not duty and (dropped := _ended(history, draft, "DROPPED_OUT")):
        # The duty to make contact outlives the dropout: a study start that restores it opens the task again.
        draft.fall(dropped)
    else:
        draft.hold()


def _study_start(history: History, draft: Draft) -> date | None:
    """From the enrolment, else from the latest of its notices that gives one."""
    notices = [fact for fact in draft.caused_by if isinstance(fact, DropoutRiskFact)]
    enrolment = _enrolment(draft, history)
    if enrolment and enrolment.study_start_on:
        return enrolment.study_start_on
    return next((notice.study_start_on for notice in reversed(notices) if notice.study_start_on), None)


def _judge(draft: Draft, start: date | None) -> bool:
    """Set the kind by the date of the first notice; True while it is a duty."""
    rules, notice_day = draft.rule_set.rules, draft.first.day
    if start is None or notice_day <= add_months(start, rules.dropout_contact.window_months):
        draft.rule, draft.expires_on = rules.dropout_contact, None
        draft.warnings = () if start else ("STUDY_START_UNKNOWN",)
        return True
    draft.rule = rules.dropout_review
    draft.expires_on = add_months(notice_day, rules.dropout_review.expires_after_months)
    draft.warnings = ("OUTSIDE_DUTY_WINDOW",)
    return False


def _answers(follow_up: FollowUpFact, draft: Draft, history: History) -> bool:
    return follow_up.on >= draft.first.day and _concerns(follow_up, draft, history)


def _concerns(follow_up: FollowUpFact, draft: Draft, history: History) -> bool:
    """The notice decides if it is named, else the enrolment if it is named, else any follow-up counts."""
    if follow_up.notice_id is not None:
        return any(
            notice.id == follow_up.notice_id
            and history.is_at(follow_up.institution, notice.sender, follow_up.day)
            for notice in draft.caused_by
        )
    if follow_up.enrolment_id is not None:
        here = history.is_at(follow_up.institution, draft.first.sender, follow_up.day)
        return here and follow_up.enrolment_id == draft.enrolment_id
    return True


def _all_withdrawn(history: History, draft: Draft) -> Fact | None:
    """The withdrawal that left no notice standing."""
    withdrawals = [history.withdrawals.get(notice.ref) for notice in draft.caused_by]
    known = [withdrawal for withdrawal in withdrawals if withdrawal is not None]
    return max(known, key=lambda fact: fact.order) if len(known) == len(withdrawals) else None


def _ended(history: History, draft: Draft, event: str) -> EnrolmentFact | None:
    """The enrolment's ending after the notice; one before it does not touch a notice that came later."""
    enrolment = _enrolment(draft, history)
    endings = enrolment.facts if enrolment else ()
    return next((f for f in endings if f.event == event and f.order > draft.first.order), None)


def _enrolment(draft: Draft, history: History) -> Enrolment | None:
    return history.enrolments.get(cast(EnrolmentKey, draft.group))


def _enrolment_key(fact: DropoutRiskFact | EnrolmentFact, history: History) -> EnrolmentKey:
    return history.key_of(fact.sender, fact.enrolment_id, fact.day)


def _explanation(draft: Draft, start: date | None, history: History, *, duty: bool) -> str:
    rules = draft.rule_set.rules
    raised = (
        f"Institution {draft.first.sender} gave notice of a risk of dropout from enrolment "
        f"{draft.enrolment_id} on {draft.first.day}"
    )
    window = f"{rules.dropout_contact.window_months} months of study start"
    if start is None:
        told = f"{raised}; study start is not known, so the duty to make contact is assumed"
    elif duty:
        told = f"{raised}, within {window} on {start}: the young person must be contacted"
    else:
        told = f"{raised}, later than {window} on {start}: it informs, until {draft.expires_on}"
    until = draft.closed_by.order if draft.closed_by else None
    tried = [
        f"{f.event.lower()} on {f.on}"
        for f in history.follow_ups
        if f.event != "CONTACTED" and _answers(f, draft, history) and (until is None or f.order < until)
    ]
    return f"{told} (so far: {', '.join(tried)})" if tried else told
