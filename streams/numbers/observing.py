"""What is counted of one case: its tasks as decided at an instant, and what its messages say happened.

A month is one of Danish days. A retracted message counts for nothing; a cancelled task counts only among the
tasks.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from schemas.code_lists import CodeLists
from schemas.identifiers import CaseKey, MessageId
from streams.numbers.counting import Observation, Row
from streams.rules.corrections import standing
from streams.rules.decide import tasks_at
from streams.rules.eu_case import register_by
from streams.rules.facts import EuRegistrationFact, Fact, MentorFact, danish_day
from streams.rules.model import Task, TaskState
from streams.rules.ruleset import RuleBook

NOBODY: Final = "unrouted"
"""Recipient of a task that nobody is known to be responsible for."""
Happened = Mapping[MessageId | None, date]
"""The day on which what a message tells happened, by the message's id."""
_UNFINISHED: Final = (TaskState.OPEN, TaskState.OVERDUE)
_BANDS: Final = ((7, "up_to_7_days"), (30, "8_to_30_days"), (90, "31_to_90_days"))
_MENTOR: Final = {"GUIDED": "guided", "REQUESTED": "asked", "ASSIGNED": "assigned", "EXTENDED": "extended"}


def observed(
    key: CaseKey, facts: Sequence[Fact], book: RuleBook, lists: CodeLists, as_of: datetime
) -> Iterator[Observation]:
    """Everything that one case adds to the reports."""
    tasks, _ = tasks_at(facts, book, lists, as_of)
    seen = [fact for fact in standing(facts, as_of) if fact.time <= as_of]
    happened: dict[MessageId | None, date] = {fact.id: _happened_on(fact) for fact in seen}
    person = next((fact.subject for fact in seen if fact.subject), None) or key
    yield from _tasks(tasks, person)
    yield from _contact(tasks, happened, person)
    yield from _exchange(tasks, person)
    yield from _mentor(seen, person)
    yield from _eu(tasks, seen, happened, book, person)
    yield from _open_cases(tasks, danish_day(as_of), person)


def _happened_on(fact: Fact) -> date:
    return getattr(fact, "on", fact.day)


def _row(task: Task, group: str = "") -> Row:
    return Row(task.recipient or NOBODY, f"{task.opens_on:%Y-%m}", group)


def _tasks(tasks: Sequence[Task], person: str) -> Iterator[Observation]:
    for task in tasks:
        yield Observation("tasks", _row(task, task.kind), task.state.lower(), person)


def _contact(tasks: Sequence[Task], happened: Happened, person: str) -> Iterator[Observation]:
    for task in tasks:
        if task.kind != "CONTACT_YOUNG_PERSON" or task.state is TaskState.CANCELLED:
            continue
        if task.state is TaskState.DONE and task.closed_by in happened:
            on = happened[task.closed_by]
            part, days = ("in_time" if on <= task.due_on else "late"), (on - task.opens_on).days
            yield Observation("contact", _row(task), part, person, days)
        else:
            part = "overdue" if task.state is TaskState.OVERDUE else "open"
            yield Observation("contact", _row(task), part, person)


def _exchange(tasks: Sequence[Task], person: str) -> Iterator[Observation]:
    answered = {
        task.enrolment_id
        for task in tasks
        if task.kind == "ACKNOWLEDGE_CONTACT" and task.state is TaskState.DONE
    }
    for task in tasks:
        if task.kind == "SEND_CONTACT" and task.state is not TaskState.CANCELLED:
            sent = task.state is TaskState.DONE
            part = "not_sent" if not sent else "both_ways" if task.enrolment_id in answered else "sent_only"
            yield Observation("exchange", _row(task), part, person)


def _mentor(seen: Sequence[Fact], person: str) -> Iterator[Observation]:
    for fact in seen:
        if isinstance(fact, MentorFact) and fact.event in _MENTOR:
            yield Observation("mentor", Row(fact.source, f"{fact.on:%Y-%m}"), _MENTOR[fact.event], person)


def _eu(
    tasks: Sequence[Task], seen: Sequence[Fact], happened: Happened, book: RuleBook, person: str
) -> Iterator[Observation]:
    registrations = [fact for fact in seen if isinstance(fact, EuRegistrationFact)]
    notice = next((task for task in tasks if task.kind == "SEND_U009"), None)
    if not registrations or notice is None:
        return
    last = registrations[-1]
    rules = book.at(last.day) or book.sets[0]
    row = Row(notice.recipient or NOBODY, f"{last.registered_on:%Y-%m}")
    in_time = last.registered_on <= register_by(last, rules.eu_period)
    yield Observation("eu", row, "registered_in_time" if in_time else "registered_late", person)
    if notice.state is TaskState.DONE and notice.closed_by in happened:
        days = max(0, (happened[notice.closed_by] - last.registered_on).days)
        yield Observation("eu", row, "u009_sent", person, days)
    else:
        yield Observation("eu", row, "u009_waiting", person)


def _open_cases(tasks: Sequence[Task], today: date, person: str) -> Iterator[Observation]:
    oldest: dict[str, date] = {}
    for task in tasks:
        if task.state in _UNFINISHED:
            recipient = task.recipient or NOBODY
            oldest[recipient] = min(task.opens_on, oldest.get(recipient, task.opens_on))
    for recipient, since in oldest.items():
        age = (today - since).days
        band = next((name for limit, name in _BANDS if age <= limit), "over_90_days")
        yield Observation("open-cases", Row(recipient, f"{today:%Y-%m}"), band, person)
