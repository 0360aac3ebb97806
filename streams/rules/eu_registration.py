"""`SEND_U009` and `SEND_U007`: the institution abroad is told of a registration, and asked for the document.

Reg. 987/2009 art. 55(2) and (4). One task of each a case; an update of the registration moves it while it is
unfinished.
"""

from functools import partial

from streams.rules.eu_case import (
    draft_of_case,
    open_for_case,
    register_by,
    registration_warnings,
    sed_sent,
)
from streams.rules.facts import EuRegistrationFact, Fact
from streams.rules.history import History
from streams.rules.replay import Desk
from streams.rules.ruleset import EuPeriodRule, RuleSet


def eu_registration_notice(fact: Fact, history: History, desk: Desk) -> None:
    rule_set = history.book.at(fact.day)
    if isinstance(fact, EuRegistrationFact) and rule_set:
        _notice(fact, rule_set, desk)
    draft = draft_of_case(desk)
    if draft and draft.unfinished and (sent := next(sed_sent(history, "U009"), None)):
        draft.done(sent)


def _notice(registration: EuRegistrationFact, rule_set: RuleSet, desk: Desk) -> None:
    said = tuple(registration_warnings(registration, rule_set.eu_period))
    if said:
        desk.warnings[registration.ref] = said
    draft = draft_of_case(desk) or open_for_case(
        desk, rule_set.rules.eu_registration_notice, rule_set, registration
    )
    if draft.unfinished:
        draft.join(registration)
        draft.counts_from = registration.registered_on
        draft.warnings = said
        draft.explain = partial(_explain_notice, registration, rule_set.eu_period)


def _explain_notice(registration: EuRegistrationFact, rule: EuPeriodRule) -> str:
    by, registered = register_by(registration, rule), registration.registered_on
    if registered <= by:
        when = f"in time (by {by}), so the benefit counts from {registration.ceased_available_on}"
    else:
        when = f"late (after {by}), so the benefit counts from {registered}"
    return (
        f"A job-seeker from {registration.competent_country} registered on {registered}, {when}; the "
        "competent institution must be told"
    )


def eu_document_request(fact: Fact, history: History, desk: Desk) -> None:
    rule_set = history.book.at(fact.day)
    if isinstance(fact, EuRegistrationFact) and rule_set:
        if fact.document_presented:
            _presented(fact, desk)
        else:
            _missing(fact, rule_set, desk)
    draft = draft_of_case(desk)
    if draft and draft.unfinished and (settled := _settled(history)):
        draft.done(settled)


def _presented(registration: EuRegistrationFact, desk: Desk) -> None:
    if draft := draft_of_case(desk):
        draft.fall(registration)


def _missing(registration: EuRegistrationFact, rule_set: RuleSet, desk: Desk) -> None:
    draft = draft_of_case(desk) or open_for_case(
        desk, rule_set.rules.eu_document_request, rule_set, registration
    )
    if not draft.final:
        draft.hold()
        draft.join(registration)
        draft.counts_from = registration.registered_on
        draft.explain = partial(_explain_request, registration)


def _settled(history: History) -> Fact | None:
    """It was asked for, or came unasked."""
    for event in history.eu_events:
        if (event.event, event.sed_type) in (("SED_SENT", "U007"), ("SED_RECEIVED", "U008")):
            return event
    return None


def _explain_request(registration: EuRegistrationFact) -> str:
    return (
        f"A job-seeker from {registration.competent_country} registered on {registration.registered_on} "
        "without the document on the benefit; it must be asked for"
    )
