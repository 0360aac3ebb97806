"""`FOLLOW_UP_DROPOUT`: who has dropped out is met by the municipality (Youth Effort Act § 12 c)."""

from functools import partial

from streams.rules.facts import EnrolmentFact, Fact, FollowUpFact
from streams.rules.history import ADMISSIONS, History
from streams.rules.replay import Desk, Draft, enrolment_anchor

_REACTIONS = ("CONTACTED", "DECIDED")


def dropout_follow_up(fact: Fact, history: History, desk: Desk) -> None:
    if isinstance(fact, EnrolmentFact):
        if fact.event == "DROPPED_OUT":
            _dropped_out(fact, history, desk)
        elif fact.event in ADMISSIONS:
            for draft in desk.unsettled():
                draft.cancel(fact)
    for draft in desk.unsettled():
        fresh = (
            history.follow_ups
            if fact in draft.caused_by
            else [f for f in (fact,) if isinstance(f, FollowUpFact)]
        )
        if reaction := next((f for f in fresh if _answers(f, draft, history)), None):
            draft.done(reaction)


def _dropped_out(fact: EnrolmentFact, history: History, desk: Desk) -> None:
    rule_set = history.book.at(fact.day)
    if rule_set is None:
        return
    group = history.key_of(fact.sender, fact.enrolment_id, fact.day)
    if draft := desk.open_in(group):
        draft.join(fact)
        return
    opening = 1 + sum(draft.group == group for draft in desk.drafts.values())
    draft = desk.open(rule_set.rules.dropout_follow_up, rule_set, enrolment_anchor(*group, opening), fact)
    draft.group = group
    draft.enrolment_id = fact.enrolment_id
    draft.explain = partial(_explanation, fact)


def _answers(follow_up: FollowUpFact, draft: Draft, history: History) -> bool:
    if follow_up.event not in _REACTIONS or follow_up.on < draft.first.day:
        return False
    if follow_up.enrolment_id is not None:
        here = history.is_at(follow_up.institution, draft.first.sender, follow_up.day)
        return here and follow_up.enrolment_id == draft.enrolment_id
    if follow_up.notice_id is not None:
        # A notice names its enrolment: one of another enrolment never closes this task.
        named = [n for n in history.notices.values() if n.id == follow_up.notice_id]
        return all(history.key_of(n.sender, n.enrolment_id, n.day) == draft.group for n in named)
    return True


def _explanation(fact: EnrolmentFact) -> str:
    return (
        f"Institution {fact.sender} reported on {fact.day} that the young person dropped out of enrolment "
        f"{fact.enrolment_id}; the municipality should get in touch"
    )
