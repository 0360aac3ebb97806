"""An EU case as its messages so far tell it: the latest registration, and when the case ends.

Reg. 883/2004 art. 64, Reg. 987/2009 art. 55. A later registration of a case is an update: the latest counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from streams.rules.facts import EuEventFact, EuRegistrationFact
from streams.rules.history import History
from streams.rules.replay import Desk, Draft, message_anchor
from streams.rules.ruleset import EuPeriodRule, Rule, RuleSet
from streams.rules.working_days import add_months

_ENDINGS = ("DEREGISTERED", "RETURNED", "TOOK_WORK", "DIED")


@dataclass(frozen=True, slots=True)
class EuCase:
    """`ended_by` is the first event that ends a case; later ones change nothing.

    `period_end` is the last day of the benefit as registered, `end` the last of the case: earlier where it
    ended early.
    """

    registration: EuRegistrationFact
    period_end: date
    ended_by: EuEventFact | None

    @property
    def end(self) -> date:
        return min(self.period_end, self.ended_by.on) if self.ended_by else self.period_end


def eu_case(history: History) -> EuCase | None:
    """None before the first registration: events that come before it wait in the history."""
    if not history.registrations:
        return None
    registration = history.registrations[-1]
    rules = history.book.at(registration.day) or history.book.sets[0]
    ended_by = next((event for event in history.eu_events if event.event in _ENDINGS), None)
    return EuCase(registration, period_end(registration, rules.eu_period), ended_by)


def period_end(registration: EuRegistrationFact, rule: EuPeriodRule) -> date:
    if registration.entitled_until is not None:
        return registration.entitled_until
    if registration.max_days is not None:
        return registration.ceased_available_on + timedelta(days=registration.max_days - 1)
    return add_months(registration.ceased_available_on, rule.assumed_months)


def register_by(registration: EuRegistrationFact, rule: EuPeriodRule) -> date:
    """Last day to register without losing benefit."""
    return registration.register_by or registration.ceased_available_on + timedelta(
        days=rule.register_within_days
    )


def registration_warnings(registration: EuRegistrationFact, rule: EuPeriodRule) -> Iterator[str]:
    if registration.registered_on > register_by(registration, rule):
        yield "REGISTERED_LATE"
    if registration.entitled_until is None and registration.max_days is None:
        yield "PERIOD_ASSUMED"
    if registration.competent_country == "UK" and registration.legal_basis != "WITHDRAWAL_AGREEMENT":
        yield "UK_NEEDS_WITHDRAWAL_AGREEMENT"


def sed_sent(history: History, sed_type: str) -> Iterator[EuEventFact]:
    return (e for e in history.eu_events if e.event == "SED_SENT" and e.sed_type == sed_type)


def draft_of_case(desk: Desk) -> Draft | None:
    """The task of which a case has only one."""
    return next(iter(desk.drafts.values()), None)


def open_for_case(
    desk: Desk,
    rule: Rule,
    rule_set: RuleSet,
    fact: EuRegistrationFact | EuEventFact,
    anchor: str | None = None,
) -> Draft:
    draft = desk.open(rule, rule_set, anchor or message_anchor(fact), fact)
    draft.eu_case_id = fact.eu_case_id
    return draft
