"""Which ICS municipality handles an EU case on a day (rules.md: EU/EEA registrations)."""

from collections.abc import Iterable
from datetime import date

from schemas.code_lists import CodeLists
from schemas.identifiers import CaseKey, MunicipalityCode
from streams.rules.facts import CorrectionFact, EuRegistrationFact, Fact


class EuHandling:
    """Answers for any day: by the route of the residence, else the sender if it is an ICS municipality.

    A day before the first registration is answered as that registration's day. The operator's assignment
    holds until a later registration whose residence has a route: EU cases have no status messages. Whoever
    was merged into another is answered as its successor.
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
        handling = self._named(day)
        return self._lists.acting_municipality(handling, day) if handling else None

    def _named(self, day: date) -> MunicipalityCode | None:
        registration = next(
            (r for r in reversed(self._registrations) if r.day <= day), next(iter(self._registrations), None)
        )
        assignment = next((a for a in reversed(self._assignments) if a.day <= day), None)
        route = self._route(registration, day) if registration else None
        if assignment and not (route and registration and registration.order > assignment.order):
            return assignment.municipality
        if route or registration is None:
            return route
        sender = MunicipalityCode(registration.sender)
        either = (sender, self._lists.acting_municipality(sender, day))
        return next((code for code in either if code and self._lists.is_ics(code, day)), None)

    def days_of_change(self) -> set[date]:
        """Days on which another route, set of ICS municipalities or merge begins to hold."""
        lists = self._lists
        residences = self._lines(r.residence for r in self._registrations if r.residence is not None)
        senders = self._lines(registration.sender for registration in self._registrations)
        routes = [row for code in residences for row in lists.ics_routes.get(code, ())]
        rows = routes + [row for code in senders for row in lists.ics_municipalities.get(code, ())]
        days = {row.valid_from for row in rows}
        days.update(row.valid_to + date.resolution for row in rows if row.valid_to)
        if lists.ending_municipalities:
            assigned = {a.municipality for a in self._assignments if a.municipality}
            named = residences | senders | assigned | {row.refers_to for row in routes}
            days.update(*map(lists.municipality_turns, named))
        return days

    def _lines(self, codes: Iterable[str]) -> set[str]:
        """The codes and all that may come to act for them."""
        return set().union(*map(self._lists.municipality_line, codes))

    def _route(self, registration: EuRegistrationFact, day: date) -> MunicipalityCode | None:
        """That of who acts for the residence now, else its own while that is listed."""
        if registration.residence is None:
            return None
        acting = self._lists.acting_municipality(registration.residence, day)
        either = (acting, registration.residence)
        return next((route for code in either if code and (route := self._lists.ics_route(code, day))), None)
