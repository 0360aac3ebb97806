"""What corrections do to the facts of a case: which are not seen, and which identifiers are one citizen."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from schemas.identifiers import CaseKey
from streams.rules.facts import CorrectionFact, Fact
from streams.rules.model import MessageRef


def standing(facts: Sequence[Fact], as_of: datetime) -> list[Fact]:
    """The facts that no correction up to `as_of` takes back, in order, each (`source`, `id`) once.

    Facts of the future are among them. Of two contents under one reference the earlier is read. A
    correction that a later one takes back has no effect: the latest is looked at first.
    """
    ordered = sorted(facts, key=attrgetter("time", "id", "source"))
    corrections = [f for f in ordered if isinstance(f, CorrectionFact) and f.retracts and f.time <= as_of]
    retracted: set[MessageRef] = set()
    for correction in reversed(corrections):
        if correction.ref not in retracted and correction.retracts:
            retracted.add(correction.retracts)
    left: list[Fact] = []
    taken: set[tuple[str, str]] = set(retracted)
    for fact in ordered:
        ref = fact.source, fact.id
        if ref not in taken:
            taken.add(ref)
            left.append(fact)
    return left


def merged_into(facts: Iterable[Fact]) -> Mapping[CaseKey, CaseKey]:
    """For each pseudonym that a correction merges: the one that the citizen goes by."""
    into: dict[CaseKey, CaseKey] = {}
    for fact in facts:
        if isinstance(fact, CorrectionFact) and fact.merged:
            old, new = (root(into, CaseKey(key)) for key in fact.merged)
            if old != new:
                into[old] = new
    return {key: root(into, key) for key in into}


def root(into: Mapping[CaseKey, CaseKey], key: CaseKey) -> CaseKey:
    while key in into:
        key = into[key]
    return key


def concerned(fact: Fact) -> tuple[CaseKey, ...]:
    """The cases that a fact names: its own; of a correction those that it assigns and merges, if any."""
    if not isinstance(fact, CorrectionFact):
        return (fact.case_key,) if fact.case_key else ()
    merged = tuple(CaseKey(key) for key in fact.merged or ())
    return (fact.assigned, *merged) if fact.assigned else merged
