"""Which municipality is responsible for a citizen on a day (rules.md: Responsible municipality)."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, datetime

from schemas.code_lists import CodeLists
from schemas.identifiers import CaseKey, MunicipalityCode
from streams.rules.facts import CitizenStatusFact, CorrectionFact, Fact

Said = tuple[date, datetime, str]
"""Statuses rank by the day they hold from, then by when they were sent."""


class Responsibility:
    """Answers for any day from all facts of the case that are seen, whenever they arrived.

    A residence with a code that no list knows is as no residence. An assignment by the operator holds from
    its day until a later status says otherwise: sent later or valid from a later day, another municipality
    taking the citizen or the assigned one letting go.
    """

    def __init__(self, facts: Iterable[Fact], lists: CodeLists, keys: frozenset[CaseKey]) -> None:
        self._statuses: list[CitizenStatusFact] = []
        self._assignments: list[CorrectionFact] = []
        self._residences: list[tuple[date, MunicipalityCode]] = []
        self._known: dict[int, MunicipalityCode | None] = {}
        for fact in facts:
            if isinstance(fact, CitizenStatusFact):
                self._statuses.append(fact)
            elif isinstance(fact, CorrectionFact) and fact.municipality and fact.assigned in keys:
                self._assignments.append(fact)
            moved = fact.residence if fact.residence != self._latest_residence else None
            if moved and lists.is_municipality(moved, fact.day):
                self._residences.append((fact.day, moved))
        self._turns = sorted(
            [day for day, _ in self._residences]
            + [status.valid_from for status in self._statuses]
            + [assignment.day for assignment in self._assignments]
        )

    @property
    def _latest_residence(self) -> MunicipalityCode | None:
        return self._residences[-1][1] if self._residences else None

    def at(self, day: date) -> MunicipalityCode | None:
        # Between two days on which something begins to hold the answer is the same.
        stretch = bisect_right(self._turns, day)
        if stretch not in self._known:
            self._known[stretch] = self._find(day)
        return self._known[stretch]

    def days_of_change(self) -> set[date]:
        """Days on which a status begins to hold: the answer may be another from then on."""
        return {status.valid_from for status in self._statuses}

    def _find(self, day: date) -> MunicipalityCode | None:
        latest: dict[str, CitizenStatusFact] = {}
        for status in self._statuses:
            if status.valid_from <= day:
                earlier = latest.get(status.sender)
                if earlier is None or _said(earlier) < _said(status):
                    latest[status.sender] = status
        if assigned := self._assigned(day, latest.values()):
            return assigned
        responsible = [status for status in latest.values() if status.responsible]
        if responsible:
            return MunicipalityCode(max(responsible, key=_said).sender)
        return self._residence(day, {s.sender for s in latest.values() if not s.responsible})

    def _assigned(self, day: date, latest: Iterable[CitizenStatusFact]) -> MunicipalityCode | None:
        assignment = next((a for a in reversed(self._assignments) if a.day <= day), None)
        if assignment is None:
            return None
        for status in latest:
            later = status.time > assignment.time or status.valid_from > assignment.day
            otherwise = status.responsible != (status.sender == assignment.municipality)
            if later and otherwise:
                return None
        return assignment.municipality

    def _residence(self, day: date, let_go: set[str]) -> MunicipalityCode | None:
        latest = next((code for said, code in reversed(self._residences) if said <= day), None)
        return None if latest in let_go else latest


def _said(status: CitizenStatusFact) -> Said:
    return status.valid_from, status.time, status.id
