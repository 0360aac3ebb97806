"""`SEND_CONTACT` and `ACKNOWLEDGE_CONTACT`: school and municipality know each other's contact person.

LAB § 30, stk. 7-8; the acknowledgement follows from the agreement about the exchange.
"""

from functools import partial

from streams.rules.enrolment_duty import (
    admission_in_force,
    after_last_stint,
    draft_of_stint,
    open_for_stint,
    settle,
)
from streams.rules.facts import ContactDetailsFact, Fact
from streams.rules.history import Enrolment, History
from streams.rules.replay import Desk, Draft, message_anchor


def contact_exchange(fact: Fact, history: History, desk: Desk) -> None:
    for enrolment in history.touched_by(fact):
        draft = draft_of_stint(desk, enrolment)
        if draft and draft.final:
            continue
        admission = admission_in_force(enrolment, history)
        if admission is None:
            continue
        rule_set = draft.rule_set if draft else admission[1]
        qualifies = enrolment.qualifies in rule_set.mentor_right.qualifies
        if draft is None:
            if not qualifies or enrolment.ended_by:
                continue
            draft = open_for_stint(desk, enrolment, rule_set.rules.contact_exchange, rule_set, admission[0])
            draft.explain = partial(
                _explain_exchange, enrolment.institution, enrolment.enrolment_id, admission[0]
            )
        settle(draft, enrolment, fact, _sent(history, enrolment), ground=qualifies)


def _sent(history: History, enrolment: Enrolment) -> Fact | None:
    """The municipality's contact person, or its order of this education, which names one.

    An order is usually older than the admission that follows it: it counts.
    """
    sent: list[Fact] = [
        contact
        for contact in history.contacts
        if contact.from_municipality
        and contact.enrolment_id == enrolment.enrolment_id
        and history.key_of(contact.institution, contact.enrolment_id, contact.day) == enrolment.key
    ]
    sent += [
        order
        for order in history.orders
        if order.education_code == enrolment.education_code
        and history.is_at(
            order.institution, enrolment.institution, max(order.day, enrolment.admissions[0].day)
        )
    ]
    counted = (fact for fact in sent if after_last_stint(fact, enrolment))
    return min(counted, key=lambda fact: fact.order, default=None)


def _explain_exchange(institution: str, enrolment_id: str, admission: Fact) -> str:
    return (
        f"Institution {institution} reported admission or study start (enrolment {enrolment_id}) on "
        f"{admission.day}; the municipality must send it a contact person"
    )


def contact_acknowledgement(fact: Fact, history: History, desk: Desk) -> None:
    if not isinstance(fact, ContactDetailsFact):
        return
    if fact.from_municipality:
        _await_acknowledgement(fact, history, desk)
    for draft in desk.unsettled():
        if answer := _answer(history, draft):
            draft.done(answer)


def _await_acknowledgement(fact: ContactDetailsFact, history: History, desk: Desk) -> None:
    rule_set = history.book.at(fact.day)
    if rule_set is None:
        return
    group = history.key_of(fact.institution, fact.enrolment_id, fact.day)
    if draft := desk.open_in(group):
        draft.join(fact)
        return
    draft = desk.open(rule_set.rules.contact_acknowledgement, rule_set, message_anchor(fact), fact)
    draft.group = group
    draft.institution = fact.institution
    draft.enrolment_id = fact.enrolment_id
    draft.explain = partial(_explain_acknowledgement, fact)


def _answer(history: History, draft: Draft) -> ContactDetailsFact | None:
    """The institution named one of the messages, or sent its own for the enrolment after the first."""
    assert draft.institution is not None
    messages = {fact.id for fact in draft.caused_by}
    for contact in history.contacts:
        if contact.from_municipality or not history.is_at(contact.sender, draft.institution, contact.day):
            continue
        if contact.acknowledges in messages:
            return contact
        own = history.key_of(contact.institution, contact.enrolment_id, contact.day)
        if own == draft.group and contact.time > draft.first.time:
            return contact
    return None


def _explain_acknowledgement(fact: ContactDetailsFact) -> str:
    return (
        f"Municipality {fact.sender} sent its contact person for enrolment {fact.enrolment_id} on "
        f"{fact.day}; the institution must acknowledge it"
    )
