"""One case read from its first fact to its last: what every rule has on its desk then."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from schemas.code_lists import CodeLists
from schemas.identifiers import CaseKey, Flow, Pseudonym
from streams.rules.catalogue import REST_ON_BIRTH_DATE, RULES_OF_CITIZENS, RULES_OF_EU_CASES, Rule
from streams.rules.corrections import concerned, merged_into, root
from streams.rules.eu_handling import EuHandling
from streams.rules.eu_parties import from_strangers
from streams.rules.facts import Fact
from streams.rules.history import History
from streams.rules.replay import Desk, Draft
from streams.rules.responsibility import Responsibility
from streams.rules.ruleset import RuleBook
from streams.rules.task_making import Responsible

Readers = Mapping[Flow, tuple[tuple[int, Rule], ...]]
"""The rules that read a flow, each with the number of its desk."""


def _readers(rules: Mapping[Rule, frozenset[Flow]], others: Collection[Rule] = ()) -> Readers:
    numbered = tuple(enumerate(rules))
    return {
        flow: tuple((n, rule) for n, rule in numbered if flow in rules[rule] or rule in others)
        for flow in get_args(Flow)
    }


_BY_FLOW = _readers(RULES_OF_CITIZENS)
_BY_FLOW_WHERE_BORN = _readers(RULES_OF_CITIZENS, REST_ON_BIRTH_DATE)
_BY_FLOW_OF_EU = _readers(RULES_OF_EU_CASES)


@dataclass(slots=True)
class CaseFacts:
    """The facts of one citizen or one EU case, in order. `coming` have a time after `as_of`: not yet seen.

    `keys` are all the pseudonyms of the citizen; `key` the one that the citizen goes by.
    """

    key: CaseKey
    keys: frozenset[CaseKey]
    seen: list[Fact]
    coming: list[Fact]

    @property
    def is_eu(self) -> bool:
        return self.key.startswith("eu-")


@dataclass(slots=True)
class CaseReading:
    """Everything that was found out about a case. `responsible` answers from the facts that are seen."""

    facts: CaseFacts
    history: History
    desks: tuple[Desk, ...]
    responsible: Responsible
    strangers: Collection[Fact] = ()
    """Facts that are seen and not applied: their sender has no part in the case."""

    @property
    def drafts(self) -> list[Draft]:
        """Tasks in the making, of rules that are in use."""
        return [draft for desk in self.desks for draft in desk.drafts.values() if draft.rule.enabled]

    @property
    def subject(self) -> Pseudonym | None:
        if not self.facts.is_eu:
            return Pseudonym(self.facts.key)
        # The latest registration says who it is; an event may name the person otherwise or not at all.
        named = (f.subject for f in (*reversed(self.history.registrations), *reversed(self.facts.seen)))
        return next((subject for subject in named if subject is not None), None)


def cases_among(facts: Sequence[Fact], as_of: datetime) -> list[CaseFacts]:
    """Split standing facts by citizen and EU case; identifiers that are merged at `as_of` are one citizen.

    A correction belongs to each case that it assigns or merges; one that only retracts belongs to none.
    """
    into = merged_into(f for f in facts if f.time <= as_of)
    cases: dict[CaseKey, CaseFacts] = {}
    for fact in facts:
        for key in concerned(fact):
            case = cases.get(key) or cases.get(root(into, key))
            if case is None:
                name = root(into, key)
                keys = frozenset({name, *(old for old in into if into[old] == name)})
                case = cases[name] = CaseFacts(name, keys, [], [])
            kept = case.seen if fact.time <= as_of else case.coming
            if not kept or kept[-1] is not fact:
                kept.append(fact)
    return list(cases.values())


def read_case(facts: CaseFacts, book: RuleBook, lists: CodeLists) -> CaseReading:
    """Let every rule read the facts that are seen, one by one in their order."""
    history = History(facts.key, book, lists)
    desks = tuple(Desk() for _ in (RULES_OF_EU_CASES if facts.is_eu else RULES_OF_CITIZENS))
    responsible = responsible_in(facts, facts.seen, lists)
    strangers = from_strangers(facts.seen, responsible, lists) if isinstance(responsible, EuHandling) else ()
    for fact in facts.seen:
        if fact in strangers:
            continue
        born = history.birth_date
        history.read(fact)
        if facts.is_eu:
            readers = _BY_FLOW_OF_EU
        else:
            readers = _BY_FLOW if history.birth_date == born else _BY_FLOW_WHERE_BORN
        for number, rule in readers[fact.flow]:
            desk = desks[number]
            for draft in desk.drafts.values():
                draft.expire_before(fact.day)
            rule(fact, history, desk)
    return CaseReading(facts, history, desks, responsible, strangers)


def responsible_in(case: CaseFacts, facts: Sequence[Fact], lists: CodeLists) -> Responsible:
    """Who is responsible as `facts` (of this case) tell it."""
    made = EuHandling if case.is_eu else Responsibility
    return made(facts, lists, case.keys)
