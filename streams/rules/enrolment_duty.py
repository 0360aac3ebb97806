"""What `GUIDE_MENTOR_RIGHT` and `SEND_CONTACT` share: one task a stint of an enrolment.

Opened by the stint's first ADMITTED or STARTED at which the ground holds; where the ground comes to hold
by a later message of another kind, the admission before it is what opened the task. A stint that has ended
leaves the task CANCELLED.
"""

from streams.rules.facts import EnrolmentFact, Fact
from streams.rules.history import ADMISSIONS, Enrolment, History
from streams.rules.replay import Desk, Draft, enrolment_anchor
from streams.rules.ruleset import Rule, RuleSet


def admission_in_force(enrolment: Enrolment, history: History) -> tuple[EnrolmentFact, RuleSet] | None:
    """The latest ADMITTED or STARTED of the stint with the rule set of its date.

    Messages dated before the first rule set open nothing.
    """
    for admission in reversed(enrolment.admissions):
        if rule_set := history.book.at(admission.day):
            return admission, rule_set
    return None


def draft_of_stint(desk: Desk, enrolment: Enrolment) -> Draft | None:
    return desk.drafts.get(_anchor(enrolment))


def open_for_stint(
    desk: Desk, enrolment: Enrolment, rule: Rule, rule_set: RuleSet, admission: EnrolmentFact
) -> Draft:
    draft = desk.open(rule, rule_set, _anchor(enrolment), admission)
    draft.enrolment_id = enrolment.enrolment_id
    return draft


def settle(draft: Draft, enrolment: Enrolment, fact: Fact, closer: Fact | None, *, ground: bool) -> None:
    """Where the draft stands after `fact` was read. `closer` is the message that did what the task asks."""
    if closer is not None:
        draft.done(closer)
    elif enrolment.ended_by is not None:
        draft.cancel(enrolment.ended_by)
    elif not ground:
        draft.fall(fact)
    else:
        draft.hold()
        if isinstance(fact, EnrolmentFact) and fact.event in ADMISSIONS and fact in enrolment.admissions:
            draft.join(fact)


def after_last_stint(fact: Fact, enrolment: Enrolment) -> bool:
    """What was done in a stint that ended does not count for the next."""
    return enrolment.ended_before is None or fact.order > enrolment.ended_before.order


def _anchor(enrolment: Enrolment) -> str:
    return enrolment_anchor(enrolment.institution, enrolment.enrolment_id, enrolment.stint)
