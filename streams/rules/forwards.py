"""Who gets which message (contracts: "Who gets what"). A forward is sent once and never withdrawn.

Besides, whoever has an unfinished task gets the messages behind it, also those that go to nobody else.
Messages of the future are forwarded at once. A retracted message is not: it was never right to send it.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from schemas.code_lists import CodeLists
from schemas.identifiers import PartyAddress, institution_address, municipality_address
from streams.rules.case_reading import CaseReading, responsible_in
from streams.rules.eu_handling import EuHandling
from streams.rules.eu_parties import from_strangers
from streams.rules.facts import (
    ContactDetailsFact,
    DropoutRiskFact,
    EducationOrderFact,
    EnrolmentFact,
    EuEventFact,
    EuRegistrationFact,
    Fact,
    FollowUpFact,
    MentorFact,
)
from streams.rules.model import Forward, MessageRef, Task
from streams.rules.replay import Draft
from streams.rules.task_making import Responsible

_TOLD_TO_THE_SCHOOL = ("ASSIGNED", "EXTENDED", "ENDED")
_NOTICE_FAMILY = "dropout"


class Recipients(NamedTuple):
    """Forwards of one case, and the messages that wait for a recipient."""

    forwards: list[Forward]
    unrouted: list[MessageRef]


def forwards_of(
    reading: CaseReading, made: Sequence[tuple[Draft, Task]], lists: CodeLists, today: date
) -> Recipients:
    case = reading.facts
    facts = [*case.seen, *case.coming]
    responsible = responsible_in(case, facts, lists) if case.coming else reading.responsible
    strangers = reading.strangers
    if case.coming and isinstance(responsible, EuHandling):
        strangers = from_strangers(facts, responsible, lists)
    behind: dict[int, set[PartyAddress]] = {}
    for draft, task in made:
        if task.recipient and draft.unfinished:
            for fact in draft.caused_by:
                behind.setdefault(id(fact), set()).add(task.recipient)
    forwards: list[Forward] = []
    unrouted: list[MessageRef] = []
    for fact in facts:
        to = None if fact in strangers else _recipients(fact, reading, responsible, today)
        if to is not None and not to:
            unrouted.append(fact.ref)
        to = (to or set()) | behind.get(id(fact), set())
        forwards += [Forward(fact.ref, recipient) for recipient in sorted(to - {fact.source})]
    return Recipients(forwards, unrouted)


def _recipients(
    fact: Fact, reading: CaseReading, responsible: Responsible, today: date
) -> set[PartyAddress] | None:
    """None: a fact that goes to nobody. Empty: it should be forwarded and nobody is known."""
    match fact:
        case ContactDetailsFact() | EducationOrderFact() if fact.from_municipality:
            return _addresses({fact.institution}, fact, reading)
        case (
            EnrolmentFact() | DropoutRiskFact() | ContactDetailsFact() | EuRegistrationFact() | EuEventFact()
        ):
            municipality = responsible.at(fact.day) or reading.responsible.at(today)
            return {municipality_address(municipality)} if municipality else set()
        case MentorFact() if fact.event in _TOLD_TO_THE_SCHOOL:
            enrolment = reading.history.enrolment_of(fact)
            school = enrolment.institution if enrolment else fact.institution
            return _addresses({school} if school else set(), fact, reading)
        case FollowUpFact():
            return _addresses(_schools(fact, reading), fact, reading)
    return None


def _addresses(numbers: set[str], fact: Fact, reading: CaseReading) -> set[PartyAddress]:
    """Of the institutions that act for these on the date of the message."""
    lists = reading.history.lists
    acting = (lists.institution_successor_of(number, fact.day) for number in numbers)
    return {institution_address(number) for number in acting if number}


def _schools(follow_up: FollowUpFact, reading: CaseReading) -> set[str]:
    """The institution of the notice or enrolment it names, else each with a notice task unfinished then."""
    notices = list(reading.history.notices.values())
    if follow_up.notice_id is not None:
        named = {notice.sender for notice in notices if notice.id == follow_up.notice_id}
        here = {n for n in named if reading.history.is_at(follow_up.institution, n, follow_up.day)}
        if named:
            return here or named
    if follow_up.institution is not None:
        return {follow_up.institution}
    if follow_up.enrolment_id is not None:
        enrolments: set[str] = {
            e.institution
            for e in reading.history.enrolments.values()
            if reading.history.is_named_by(follow_up, e)
        }
        return enrolments or {n.sender for n in notices if n.enrolment_id == follow_up.enrolment_id}
    return {d.first.sender for d in _unfinished_notices(follow_up, reading.drafts)}


def _unfinished_notices(follow_up: FollowUpFact, drafts: Iterable[Draft]) -> Iterable[Draft]:
    """Notice tasks that were open when the follow-up came: also those that it closed."""
    for draft in drafts:
        if draft.rule.family != _NOTICE_FAMILY or draft.first.order > follow_up.order:
            continue
        closer, closed_on = draft.closed_by, draft.closed_on
        before = closer.order < follow_up.order if closer else closed_on and closed_on <= follow_up.day
        if not before:
            yield draft
