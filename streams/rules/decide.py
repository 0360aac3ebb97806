"""Deciding: a pure function of a case's facts, so that live, replay and what-if are the same.

    decide(facts, ruleset.shipped(), code_lists.shipped(), as_of)

The order and the repetition of the facts do not matter. Facts of several citizens may be given at once:
each citizen and each EU case is decided by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter

from schemas.code_lists import CodeLists
from streams.rules.case_reading import cases_among, read_case
from streams.rules.corrections import standing
from streams.rules.eu_parties import NOT_PARTY_TO_CASE
from streams.rules.facts import COPENHAGEN, CitizenStatusFact, Fact, danish_day
from streams.rules.forwards import forwards_of
from streams.rules.model import Decision, Forward, MessageRef, Task
from streams.rules.ruleset import RuleBook
from streams.rules.task_making import days_of_change, days_of_succession, make_task


@dataclass(frozen=True, slots=True)
class _Judgement:
    """A decision without its next change, and the days that may bring one.

    On a `sure` day a task's state changes by itself; on a `possible` one the responsible municipality may.
    """

    decision: Decision
    sure: set[date]
    possible: set[date]


def decide(facts: Sequence[Fact], book: RuleBook, lists: CodeLists, as_of: datetime) -> Decision:
    """Tasks, forwards and warnings as they are at `as_of` (aware), and when they are next different."""
    judged = _judge(facts, book, lists, as_of)
    made = judged.decision
    changes_at = _next_change(judged, facts, book, lists, as_of)
    return Decision(made.tasks, made.forwards, made.unrouted, made.warnings, changes_at)


def tasks_at(
    facts: Sequence[Fact], book: RuleBook, lists: CodeLists, as_of: datetime
) -> tuple[tuple[Task, ...], dict[MessageRef, tuple[str, ...]]]:
    """Tasks and message warnings alone, for those who ask once and do not wait for a change."""
    decision = _judge(facts, book, lists, as_of, forwarding=False).decision
    return decision.tasks, dict(decision.warnings)


def _judge(
    facts: Sequence[Fact], book: RuleBook, lists: CodeLists, as_of: datetime, *, forwarding: bool = True
) -> _Judgement:
    today = danish_day(as_of)
    tasks: list[Task] = []
    forwards: list[Forward] = []
    unrouted: list[MessageRef] = []
    warnings: dict[MessageRef, tuple[str, ...]] = {}
    sure: set[date] = set()
    possible: set[date] = set()
    cases = cases_among(standing(facts, as_of), as_of)
    for case in cases:
        reading = read_case(case, book, lists)
        subject, responsible = reading.subject, reading.responsible
        made = [(draft, make_task(draft, subject, responsible, lists, today)) for draft in reading.drafts]
        tasks += [task for _, task in made]
        warnings.update((stranger.ref, (NOT_PARTY_TO_CASE,)) for stranger in reading.strangers)
        for desk in reading.desks:
            for message, said in desk.warnings.items():
                warnings[message] = (*warnings.get(message, ()), *said)
        for draft, task in made:
            sure.update(days_of_change(draft, task))
            if lists.institutions:
                possible |= days_of_succession(draft, lists)
        possible |= responsible.days_of_change()
        if forwarding:
            found = forwards_of(reading, made, lists, today)
            forwards += found.forwards
            unrouted += found.unrouted
    if len(cases) > 1:
        place = {fact.ref: fact.order for case in cases for fact in (*case.seen, *case.coming)}
        forwards.sort(key=lambda forward: (place[forward.message], forward.recipient))
        unrouted.sort(key=place.__getitem__)
    tasks.sort(key=attrgetter("opens_on", "kind", "task_id"))
    return _Judgement(Decision(tuple(tasks), tuple(forwards), tuple(unrouted), warnings), sure, possible)


def _next_change(
    judged: _Judgement, facts: Sequence[Fact], book: RuleBook, lists: CodeLists, as_of: datetime
) -> datetime | None:
    """The first instant that makes a difference; what only may make one is tried."""
    today = danish_day(as_of)
    first = min((day for day in judged.sure if day > today), default=None)
    sure = _midnight(first) if first else None
    moments = {fact.time for fact in facts if fact.time > as_of}
    starts = {fact.valid_from for fact in facts if isinstance(fact, CitizenStatusFact) and fact.time > as_of}
    moments.update(_midnight(day) for day in judged.possible | starts if day > today)
    for instant in sorted(moments):
        if sure is not None and instant >= sure:
            break
        if _judge(facts, book, lists, instant).decision != judged.decision:
            return instant
    return sure


def _midnight(day: date) -> datetime:
    """The first instant of the day in Denmark."""
    return datetime(day.year, day.month, day.day, tzinfo=COPENHAGEN)
