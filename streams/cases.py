"""How the facts of many people are grouped into cases, for those who have them all at hand.

A case is a citizen or an EU case. Whoever was ever said to be one citizen is kept together; whether the
two are one on a given day is decided with the facts (`streams.rules.decide`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from schemas.identifiers import CaseKey
from streams.rules.corrections import concerned, merged_into, root
from streams.rules.facts import CorrectionFact, Fact
from streams.rules.model import MessageRef

Cases = dict[CaseKey, list[Fact]]


def group(facts: Collection[Fact]) -> Cases:
    """Facts by case. A correction stands in every case that it assigns, merges or takes a message from."""
    into = merged_into(facts)
    retractions = [f for f in facts if isinstance(f, CorrectionFact) and f.retracts]
    wanted = {correction.retracts for correction in retractions}
    cases: Cases = defaultdict(list)
    found: dict[MessageRef, set[CaseKey]] = defaultdict(set)
    for fact in facts:
        keys = {root(into, key) for key in concerned(fact)}
        for key in keys:
            cases[key].append(fact)
        if wanted and fact.ref in wanted:
            found[fact.ref] |= keys
    _place(retractions, found, cases)
    return cases


def _place(
    retractions: Iterable[CorrectionFact], found: dict[MessageRef, set[CaseKey]], cases: Cases
) -> None:
    """Put retractions where what they retract is; one may retract another, so look until nothing moves."""
    waiting = list(retractions)
    placed = True
    while waiting and placed:
        placed, left = False, []
        for correction in waiting:
            keys = found.get(correction.retracts) if correction.retracts else None
            if not keys:
                left.append(correction)
                continue
            placed = True
            for key in keys:
                if correction not in cases[key]:
                    cases[key].append(correction)
            found[correction.ref] = found.get(correction.ref, set()) | keys
        waiting = left
