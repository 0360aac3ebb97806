"""Which municipality is responsible for a citizen on a day (rules.md: Responsible municipality)."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
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

    Who was merged into another is found as before; its successor acts for it, and from then on also speaks
    for it: what the successor had said of itself before stays its own.
    """

    def __init__(self, facts: Iterable[Fact], lists: CodeLists, keys: frozenset[CaseKey]) -> None:
        self._statuses: list[CitizenStatusFact] = []
        self._assignments: list[CorrectionFact] = []
        self._lists = lists
        self._residences: list[tuple[date, MunicipalityCode]] = []
        self._known: dict[int, MunicipalityCode | None] = {}
        is_move = self._is_move if lists.ending_municipalities else lists.is_municipality
        for fact in facts:
            if isinstance(fact, CitizenStatusFact):
                self._statuses.append(fact)
            elif isinstance(fact, CorrectionFact) and fact.municipality and fact.assigned in keys:
                self._assignments.append(fact)
            moved = fact.residence if fact.residence != self._latest_residence else None
            if moved and is_move(moved, fact.day):
                self._residences.append((fact.day, moved))
        self._spoken = [(status.sender, status) for status in self._statuses]
        self._merges: set[date] = set()
        if lists.ending_municipalities:
            self._read_merges()
        self._turns = sorted(
            [day for day, _ in self._residences]
            + [status.valid_from for status in self._statuses]
            + [assignment.day for assignment in self._assignments]
            + list(self._merges)
        )

    @property
    def _latest_residence(self) -> MunicipalityCode | None:
        return self._residences[-1][1] if self._residences else None

    def at(self, day: date) -> MunicipalityCode | None:
        # Between two days on which something begins to hold the answer is the same.
        stretch = bisect_right(self._turns, day)
        if stretch not in self._known:
            named = self._named(day)
            if named and self._merges:
                named = self._lists.acting_municipality(named, day)
            self._known[stretch] = named
        return self._known[stretch]

    def days_of_change(self) -> set[date]:
        """Days on which a status or a merge begins to hold: the answer may be another from then on."""
        return {status.valid_from for status in self._statuses} | self._merges

    def _is_move(self, residence: MunicipalityCode, day: date) -> bool:
        """Another code for where the citizen lives already is none."""
        lists, latest = self._lists, self._latest_residence
        acting = lists.successor_of(residence, day)
        return acting is not None and (latest is None or lists.acting_municipality(latest, day) != acting)

    def _read_merges(self) -> None:
        """Note the days of merges that concern this case, and who spoke for another municipality too."""
        lists = self._lists
        named = {status.sender for status in self._statuses}
        named.update(code for _, code in self._residences)
        named.update(a.municipality for a in self._assignments if a.municipality)
        self._merges.update(*map(lists.municipality_turns, named))
        if not self._merges:
            return
        for status in self._statuses:
            day = max(status.day, status.valid_from)
            acting = lists.acting_municipality(status.sender, day)
            others = (
                code
                for code in named - {status.sender}
                if acting is not None and lists.acting_municipality(code, day) == acting
            )
            self._spoken += [(code, status) for code in others]

    def _named(self, day: date) -> MunicipalityCode | None:
        """The code by which the responsible municipality was named; another one may act for it."""
        latest: dict[str, CitizenStatusFact] = {}
        for code, status in self._spoken:
            if status.valid_from <= day:
                earlier = latest.get(code)
                if earlier is None or _said(earlier) < _said(status):
                    latest[code] = status
        if assigned := self._assigned(day, latest):
            return assigned
        responsible = [status for status in latest.values() if status.responsible]
        if responsible:
            return MunicipalityCode(max(responsible, key=_said).sender)
        return self._residence(day, {code for code, status in latest.items() if not status.responsible})

    def _assigned(self, day: date, latest: Mapping[str, CitizenStatusFact]) -> MunicipalityCode | None:
        assignment = next((a for a in reversed(self._assignments) if a.day <= day), None)
        if assignment is None:
            return None
        for code, status in latest.items():
            later = status.time > assignment.time or status.valid_from > assignment.day
            otherwise = status.responsible != (code == assignment.municipality)
            if later and otherwise:
                return None
        return assignment.municipality

    def _residence(self, day: date, let_go: set[str]) -> MunicipalityCode | None:
        latest = next((code for said, code in reversed(self._residences) if said <= day), None)
        return None if latest in let_go else latest


def _said(status: CitizenStatusFact) -> Said:
    return status.valid_from, status.time, status.id
