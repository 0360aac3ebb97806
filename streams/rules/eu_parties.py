"""Who has a part in an EU case: an event from anybody else is kept and warned about, and changes nothing.

A part have the operator, whoever sent a registration or is named by one as residence, whom the operator
assigned, and who handles the case when the event is sent. Before the first registration nobody is known,
and events wait.
"""

from collections.abc import Sequence
from datetime import date

from schemas.code_lists import CodeLists
from schemas.identifiers import MunicipalityCode
from streams.rules.eu_handling import EuHandling
from streams.rules.facts import CorrectionFact, EuEventFact, EuRegistrationFact, Fact

NOT_PARTY_TO_CASE = "NOT_PARTY_TO_CASE"


def from_strangers(facts: Sequence[Fact], handling: EuHandling, lists: CodeLists) -> set[EuEventFact]:
    """The events among the facts of one EU case that come from a municipality without a part in it."""
    registrations = [fact for fact in facts if isinstance(fact, EuRegistrationFact)]
    if not registrations:
        return set()
    days = {r.day for r in registrations}
    named: set[str] = {r.sender for r in registrations} | {r.residence for r in registrations if r.residence}
    for fact in facts:
        if isinstance(fact, CorrectionFact) and fact.municipality:
            named.add(fact.municipality)
            days.add(fact.day)
    named.update(code for day in days if (code := handling.at(day)))
    return {
        fact
        for fact in facts
        if isinstance(fact, EuEventFact)
        and fact.from_municipality
        and fact.sender not in named
        and not _acts_for_one(fact.sender, fact.day, named, handling.at(fact.day), lists)
    }


def _acts_for_one(
    sender: str, day: date, named: set[str], handling: MunicipalityCode | None, lists: CodeLists
) -> bool:
    """Whether the sender handles the case on the day, or is one municipality with somebody named."""
    if sender == handling:
        return True
    acting = lists.acting_municipality(sender, day)
    return acting is not None and (
        acting == handling or any(lists.acting_municipality(code, day) == acting for code in named)
    )
