"""Which ICS municipality handles an EU case on a day (rules.md: EU/EEA registrations)."""

from collections.abc import Iterable
from datetime import date

from schemas.code_lists import CodeLists
from schemas.identifiers import CaseKey, MunicipalityCode
from streams.rules.facts import CorrectionFact, EuRegistrationFact, Fact


class EuHandling:
    """Answers for any day: by the route of the residence, else the sender if it is an ICS municipality.

    A day before the first registration is answered as that registration's day. The operator's assignment
    holds until a later registration whose residence has a route: EU cases have no status messages.
    """

    def __init__(self, facts: Iterable[Fact], lists: CodeLists, keys: frozenset[CaseKey]) -> None:
        self._lists = lists
        self._registrations: list[EuRegistrationFact] = []
        self._assignments: list[CorrectionFact] = []
        for fact in facts:
            if isinstance(fact, EuRegistrationFact):
                self._registrations.append(fact)
            elif isinstance(fact, CorrectionFact) and fact.municipality and fact.assigned in keys:
                self._assignments.append(fact)

    def at(self, day: date) -> MunicipalityCode | None:
        registration = next(
            (r for r in reversed(self._registrations) if r.day <= day), next(iter(self._registrations), None)
        )
        assignment = next((a for a in reversed(self._assignments) if a.day <= day), None)
        route = self._route(registration, day) if registration else None
        if assignment and not (route and registration and registration.order > assignment.order):
            return assignment.municipality
        if route or registration is None:
            return route
        sender = registration.sender
        return MunicipalityCode(sender) if self._lists.is_ics(sender, day) else None

    def days_of_change(self) -> set[date]:
        """Days on which another route or another set of ICS municipalities begins to hold."""
        senders = {registration.sender for registration in self._registrations}
        residences = {r.residence for r in self._registrations if r.residence is not None}
        rows = [row for code in residences for row in self._lists.ics_routes.get(code, ())]
        rows += [row for code in senders for row in self._lists.ics_municipalities.get(code, ())]
        ends = {row.valid_to + date.resolution for row in rows if row.valid_to}
        return ends | {row.valid_from for row in rows}

    def _route(self, registration: EuRegistrationFact, day: date) -> MunicipalityCode | None:
        if registration.residence is None:
            return None
        return self._lists.ics_route(registration.residence, day)
