"""What is counted of one case: its tasks as decided now, and what its messages say happened.

A month is one of Danish days. A retracted message counts for nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from schemas.code_lists import CodeLists
from schemas.identifiers import CaseKey, MessageId
from streams.numbers.counting import AGES, OPEN_CASES, Observation
from streams.numbers.lines import Path
from streams.rules.corrections import standing
from streams.rules.decide import tasks_at
from streams.rules.facts import ContactDetailsFact, Fact, MentorFact, danish_day
from streams.rules.model import Task, TaskState
from streams.rules.ruleset import RuleBook

NOBODY: Final = "unrouted"
"""Recipient of a task that nobody is known to be responsible for."""
_LIMITS: Final = (7, 30, 90)
_MENTOR: Final = {"GUIDED": "guided", "REQUESTED": "asked", "ASSIGNED": "assigned", "EXTENDED": "extended"}
_UNFINISHED: Final = (TaskState.OPEN, TaskState.OVERDUE)
_LATE: Final = "REGISTERED_LATE"


def observed(
    key: CaseKey, facts: Sequence[Fact], book: RuleBook, lists: CodeLists, now: datetime
) -> Iterator[Observation]:
    """Everything that one case adds."""
    tasks, _ = tasks_at(facts, book, lists, now)
    seen = [fact for fact in standing(facts, now) if fact.time <= now]
    person = next((fact.subject for fact in seen if fact.subject), None) or key
    happened = {fact.id: getattr(fact, "on", fact.day) for fact in seen}
    answered = _answered(tasks, seen)
    for task in tasks:
        state, days = _outcome(task, happened)
        if task.kind == "SEND_CONTACT":
            state += " answered" if task.closed_by in answered else " unanswered"
        elif task.kind == "SEND_U009":
            state += " registered_late" if _LATE in task.warnings else " registered_in_time"
        yield Observation(task.kind, _path(task.recipient or NOBODY, task.opens_on), state, person, days)
    for fact in seen:
        if isinstance(fact, MentorFact) and (event := _MENTOR.get(fact.event)):
            yield Observation(event, _path(fact.source, fact.on), event, person)
    yield from _open_cases(tasks, danish_day(now), person)


def _path(recipient: str, day: date) -> Path:
    return f"{day:%Y}", recipient, f"{day:%Y-%m}"


def _outcome(task: Task, happened: Mapping[MessageId, date]) -> tuple[str, int | None]:
    """Done in time: what finished it happened no later than its due date. Days count from its opening."""
    if task.state is not TaskState.DONE or task.closed_by is None:
        return task.state.lower(), None
    on = happened[task.closed_by]
    return ("in_time" if on <= task.due_on else "late"), max(0, (on - task.opens_on).days)


def _answered(tasks: Sequence[Task], seen: Sequence[Fact]) -> set[MessageId | None]:
    """Messages with a contact person that a school acknowledged."""
    asked = {
        cause
        for task in tasks
        if task.kind == "ACKNOWLEDGE_CONTACT" and task.state is TaskState.DONE
        for cause in task.caused_by
    }
    return {fact.id for fact in seen if isinstance(fact, ContactDetailsFact) and fact.id in asked}


def _open_cases(tasks: Sequence[Task], today: date, person: str) -> Iterator[Observation]:
    oldest: dict[str, date] = {}
    for task in tasks:
        if task.state in _UNFINISHED:
            recipient = task.recipient or NOBODY
            oldest[recipient] = min(task.opens_on, oldest.get(recipient, task.opens_on))
    for recipient, since in oldest.items():
        days = (today - since).days
        band = next((n for n, limit in enumerate(_LIMITS) if days <= limit), len(_LIMITS))
        yield Observation(OPEN_CASES, (f"{today:%Y}", recipient), AGES[band], person)
