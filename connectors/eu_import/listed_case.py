"""A row of the list as messages: the registration, and an event for each document exchanged before."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

import orjson

from connectors.csv_files.rows import CsvRows, Row
from connectors.message_identity import identified, midnight
from schemas.cloudevent import from_structured
from schemas.code_lists import CodeLists
from schemas.flows import FLOWS
from schemas.identifiers import CaseKey, Flow, PartyAddress, municipality_address
from schemas.message import Message
from schemas.problems import InvalidMessage, Problem
from schemas.pseudonym import PseudonymKey
from streams.facts import fact_of
from streams.rules.eu_case import registration_warnings
from streams.rules.eu_handling import EuHandling
from streams.rules.facts import EuRegistrationFact, danish_day
from streams.rules.ruleset import RuleBook

_ANY_ID: Final = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class ListedCase:
    """What a row says. `handled_by` is the ICS municipality by today's routes, None of an unrouted case."""

    line: int
    case: CaseKey
    reference: str
    registration: Message
    documents: tuple[Message, ...]
    handled_by: PartyAddress | None
    warnings: tuple[str, ...]


class RowRefused(Exception):
    """A row cannot become messages; `problems` name its columns."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__()
        self.problems = problems


@dataclass(frozen=True, slots=True)
class ListReading:
    """Turns rows into messages. With a cut-over a registration is raised on that day, else on its own."""

    rows: CsvRows
    sender: PartyAddress
    cut_over: date | None
    key: PseudonymKey
    lists: CodeLists
    book: RuleBook
    now: datetime

    def listed(self, row: Row) -> ListedCase:
        """Checks it as the gateway would. Raises RowRefused with all that is wrong."""
        if any(problem.field == "row" for problem in row.problems):
            raise RowRefused(row.problems)
        record = dict(row.record)
        exchanged = record.pop("documents", {})
        problems = list(row.problems)
        registration = self._registration(record, problems)
        documents = [
            self._checked("eu-event", data, data["on"], column, problems)
            for column, data in self._documents(record.get("eu_case_id"), exchanged)
        ]
        if problems or registration is None:
            raise RowRefused(tuple(problems))
        case = registration.case_key
        fact = fact_of(registration)
        assert case is not None
        assert isinstance(fact, EuRegistrationFact)
        today = max(danish_day(self.now), fact.day)
        handling = EuHandling([fact], self.lists, frozenset({case})).at(today)
        events = tuple(event for event in documents if event is not None)
        return ListedCase(
            row.line,
            case,
            registration.data["eu_case_id"],
            registration,
            events,
            municipality_address(handling) if handling else None,
            self._warnings(fact, (registration, *events)),
        )

    def _registration(self, record: dict[str, Any], problems: list[Problem]) -> Message | None:
        column = self.rows.names["registered_on"]
        registered_on = record.get("registered_on", self.cut_over)
        if registered_on is None:
            # Nothing but the missing date is wrong with the time.
            registered_on = danish_day(self.now)
        day = max(self.cut_over or registered_on, registered_on)
        return self._checked("eu-registration", record, day, column, problems)

    def _documents(
        self, case: object, exchanged: dict[str, dict[str, Any]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for event, documents in exchanged.items():
            for sed_type, told in documents.items():
                column = self.rows.names[f"documents.{event}.{sed_type}"]
                said = {"eu_case_id": case, "event": event, "sed_type": sed_type}
                if isinstance(told, date):
                    yield column, said | {"on": told}
                else:
                    yield from ((column, said | {"on": on, "month": month}) for month, on in told)

    def _checked(
        self, flow: Flow, data: dict[str, Any], day: date, column: str, problems: list[Problem]
    ) -> Message | None:
        """The message, or None and one more problem for each fault that the row has not yet."""
        event = {
            "specversion": "1.0",
            "id": _ANY_ID,
            "source": self.sender,
            "type": FLOWS[flow].type,
            "time": midnight(day).isoformat(),
            "data": data,
        }
        try:
            checked = from_structured(orjson.dumps(event), self.key, self.lists, self.now)
        except InvalidMessage as invalid:
            told = [self._told(problem, flow, column) for problem in invalid.problems]
        else:
            return identified(checked, self.key)
        problems += self.rows.not_told(problems, told)
        return None

    def _told(self, problem: Problem, flow: Flow, column: str) -> Problem:
        if problem.field == "time":
            return Problem(column, problem.problem, "write the day on which it happened")
        told = self.rows.told(problem)
        of_the_row = flow == "eu-registration" or problem.field == "data.eu_case_id"
        return told if of_the_row else replace(told, field=column)

    def _warnings(self, fact: EuRegistrationFact, messages: tuple[Message, ...]) -> tuple[str, ...]:
        found = {warning for message in messages for warning in message.warnings}
        if rule_set := self.book.at(fact.day):
            found.update(registration_warnings(fact, rule_set.eu_period))
        return tuple(sorted(found))
