"""`REGISTER_MIN_PLAN`: the agreement about an assigned mentor belongs in Min Plan."""

from functools import partial

from streams.rules.facts import Fact, MentorFact
from streams.rules.history import History
from streams.rules.mentor_enrolment import about, about_draft
from streams.rules.replay import Desk, message_anchor


def mentor_plan(fact: Fact, history: History, desk: Desk) -> None:
    if not isinstance(fact, MentorFact):
        return
    enrolment = about(fact, history)
    for draft in desk.unsettled():
        if not enrolment.may_be(about_draft(draft, history)):
            continue
        if fact.in_min_plan:
            draft.done(fact)
        elif fact.event == "ENDED" and fact.time > draft.first.time:
            draft.cancel(fact)
    if fact.event == "ASSIGNED" and not fact.in_min_plan:
        _assigned(fact, history, desk)


def _assigned(fact: MentorFact, history: History, desk: Desk) -> None:
    rule_set = history.book.at(fact.day)
    if rule_set is None:
        return
    enrolment = about(fact, history)
    for draft in desk.unsettled():
        if enrolment.is_same(about_draft(draft, history)):
            draft.join(fact)
            return
    draft = desk.open(rule_set.rules.mentor_plan, rule_set, message_anchor(fact), fact)
    draft.enrolment_id = enrolment.enrolment_id
    draft.explain = partial(_explanation, fact)


def _explanation(fact: MentorFact) -> str:
    return (
        f"Municipality {fact.sender} assigned a mentor on {fact.day} without a reference to Min Plan; the "
        "agreement must be registered there"
    )
