"""The rows of a list, checked, compared with what the gateway knows, and sent: a result for each.

A row that the gateway has is not sent again. A row that says something else of its case than the last import
did is an update: a registration one second after that one, so that it is the latest of the list. A
registration that somebody sent since, with a later time of its own, still counts: a list overrules nobody.

Documents go first, and are waited for: a registration that finds them opens no task for what is done.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from connectors.cli.batch_sender import BatchSender, Refused, batches
from connectors.csv_files.rows import Row
from connectors.eu_import.known_cases import KnownCases, KnownMessage
from connectors.eu_import.listed_case import ListedCase, ListReading, RowRefused
from connectors.eu_import.repeats import Repeats
from connectors.eu_import.row_result import Outcome, RowResult, shown_reference
from connectors.message_identity import AFTER_THE_ONE_BEFORE, identified, is_hashed, line_of
from schemas.message import Message
from schemas.problems import Problem
from schemas.pseudonym import PseudonymKey

_ROWS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class _Plan:
    """What of a listed case is to be sent."""

    listed: ListedCase
    registration: Message | None
    documents: tuple[Message, ...]
    update: bool
    note: str = ""


def checked_rows(reading: ListReading, repeats: Repeats) -> Iterator[RowResult | ListedCase]:
    """Each row as messages, or the result of one that is refused or says what an earlier row said."""
    for row in reading.rows:
        try:
            listed = reading.listed(row)
        except RowRefused as refused:
            yield RowResult(row.line, Outcome.REFUSED, case=_reference(row), problems=refused.problems)
            continue
        earlier = repeats.earlier(listed)
        if earlier is None:
            yield listed
        elif earlier.same:
            note = f"says the same as line {earlier.line}"
            yield _result(listed, Outcome.ALREADY_THERE, note=note)
        else:
            column = reading.rows.names["eu_case_id"]
            problem = Problem(
                column, f"stands on line {earlier.line} too, with other content", "keep one row"
            )
            yield _result(listed, Outcome.REFUSED, problems=(problem,))


def would_send(rows: Iterable[RowResult | ListedCase]) -> Iterator[RowResult]:
    """The results of a dry run: nothing is asked and nothing is sent."""
    for row in rows:
        yield row if isinstance(row, RowResult) else _result(row, Outcome.WOULD_SEND)


class Importing:
    """Sends what the gateway does not have yet."""

    def __init__(self, known: KnownCases, sender: BatchSender, key: PseudonymKey) -> None:
        self._known = known
        self._sender = sender
        self._key = key
        self._key_is_right = False

    def send(self, rows: Iterable[RowResult | ListedCase]) -> Iterator[RowResult]:
        """The results by line, in groups. Raises SendFailed, OtherKey."""
        waiting = iter(rows)
        while group := list(islice(waiting, _ROWS_AT_ONCE)):
            results = [row for row in group if isinstance(row, RowResult)]
            results += self._sent([row for row in group if isinstance(row, ListedCase)])
            yield from sorted(results, key=lambda result: result.line)

    def _sent(self, listed: Sequence[ListedCase]) -> Iterator[RowResult]:
        found = self._known.messages_of(case.case for case in listed)
        self._key_is_right = self._key_is_right or any(found)
        plans = [_plan(case, known, self._key) for case, known in zip(listed, found, strict=True)]
        if not self._key_is_right:
            self._prove_key(plans)
        documents = [(plan, message) for plan in plans for message in plan.documents]
        refused = list(self._post(documents))
        at_fault = {refusal.line for refusal in refused}
        accepted = [message for plan, message in documents if plan.listed.line not in at_fault]
        self._known.decided(accepted)
        refused += self._post((plan, plan.registration) for plan in plans if plan.registration)
        faults: dict[int, tuple[Problem, ...]] = {}
        for refusal in refused:
            told = (Problem(fault["field"], fault["problem"], fault["mend"]) for fault in refusal.faults)
            faults[refusal.line] = (*faults.get(refusal.line, ()), *told)
        return (_after_sending(plan, faults.get(plan.listed.line, ())) for plan in plans)

    def _prove_key(self, plans: Sequence[_Plan]) -> None:
        """Under another key no case would be found and a changed row might not count: one message tells."""
        first = next(((plan, plan.documents[0]) for plan in plans if plan.documents), None) or next(
            ((plan, plan.registration) for plan in plans if plan.registration), None
        )
        if first:
            refused = list(self._post([first]))
            self._key_is_right = not refused and self._known.decided([first[1]])

    def _post(self, messages: Iterable[tuple[_Plan, Message]]) -> Iterator[Refused]:
        for batch in batches(line_of(message, plan.listed.line) for plan, message in messages):
            yield from self._sender.send(batch)


def _plan(listed: ListedCase, known: Sequence[KnownMessage], key: PseudonymKey) -> _Plan:
    registration = listed.registration
    sent = [m for m in known if m.flow == "eu-registration"]
    imported = [m for m in sent if m.source == registration.envelope.source and is_hashed(m.id)]
    last = max(imported, key=lambda m: m.time, default=None)
    there = {m.id for m in known}
    documents = tuple(m for m in listed.documents if m.envelope.id not in there)
    if last is None:
        return _Plan(listed, registration, documents, False, _overruled(sent, registration))
    repeated = identified(registration, key, last.time)
    if repeated.envelope.id == last.id:
        return _Plan(listed, None, documents, False, _overruled(sent, repeated))
    update = identified(registration, key, max(registration.envelope.time, last.time + AFTER_THE_ONE_BEFORE))
    return _Plan(listed, update, documents, True, _overruled(sent, update))


def _overruled(sent: Sequence[KnownMessage], registration: Message) -> str:
    later = any(m.time > registration.envelope.time for m in sent)
    return "a registration of the case with a later time counts" if later else ""


def _after_sending(plan: _Plan, faults: tuple[Problem, ...]) -> RowResult:
    messages = len(plan.documents) + (plan.registration is not None)
    if faults:
        return _result(plan.listed, Outcome.REFUSED, problems=faults)
    outcome = Outcome.SENT if messages else Outcome.ALREADY_THERE
    result = _result(plan.listed, outcome, note=plan.note)
    return replace(result, messages=messages, update=plan.update)


def _result(
    listed: ListedCase, outcome: Outcome, *, problems: tuple[Problem, ...] = (), note: str = ""
) -> RowResult:
    return RowResult(
        listed.line,
        outcome,
        case=shown_reference(listed.reference, listed.registration.data["citizen"]),
        handled_by=listed.handled_by,
        warnings=listed.warnings,
        problems=problems,
        note=note,
    )


def _reference(row: Row) -> str:
    return shown_reference(row.record.get("eu_case_id"), row.record.get("citizen", {}))
