"""From a draft to the task: who gets it, when it is due, which state it is in today."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import Protocol
from uuid import UUID, uuid5

from schemas.code_lists import CodeLists
from schemas.identifiers import (
    CaseKey,
    MunicipalityCode,
    PartyAddress,
    Pseudonym,
    TaskId,
    institution_address,
    municipality_address,
)
from streams.rules.model import Task, TaskState
from streams.rules.replay import Draft
from streams.rules.ruleset import WorkingDaysRule
from streams.rules.targets import Target
from streams.rules.working_days import add_working_days

_NAMESPACE = UUID("6f0b6f5c-6a0e-5b3e-9a55-0d6d1c1f2a7b")
"""Chosen once and never changed: task ids are the same in every installation under one pseudonym key."""
_ONE_DAY = timedelta(days=1)


class Responsible(Protocol):
    """Who is to do the case's tasks."""

    def at(self, day: date) -> MunicipalityCode | None: ...

    def days_of_change(self) -> set[date]: ...


def make_task(
    draft: Draft, subject: Pseudonym | None, responsible: Responsible, lists: CodeLists, today: date
) -> Task:
    draft.expire_before(today)
    own = _own_target(draft, responsible, lists)
    due_on = _due_on(draft, own)
    state = draft.outcome or _running_state(draft.opens_on, due_on, today)
    return Task(
        task_id=_task_id(draft.rule.family, draft.first.case_key, draft.anchor),
        kind=draft.rule.kind,
        recipient=_recipient(draft, responsible, lists, draft.closed_on or today),
        subject=subject,
        state=state,
        mandatory=draft.rule.mandatory,
        opens_on=draft.opens_on,
        due_on=due_on,
        rule=draft.rule.id,
        rule_set=draft.rule_set.id,
        legal_basis=draft.rule.legal_basis,
        warnings=draft.warnings,
        caused_by=tuple(fact.id for fact in draft.caused_by),
        closed_by=draft.closed_by.id if draft.closed_by else None,
        explanation=_sentence(draft, due_on, own),
        enrolment_id=draft.enrolment_id,
        eu_case_id=draft.eu_case_id,
    )


def days_of_change(draft: Draft, task: Task) -> Iterator[date]:
    """First days of the states that an unfinished task goes through by itself."""
    if draft.unfinished:
        yield task.opens_on
        yield task.due_on + _ONE_DAY
        if draft.expires_on:
            yield draft.expires_on + _ONE_DAY


def _due_on(draft: Draft, own: Target | None) -> date:
    if draft.due_on is not None:
        return draft.due_on
    rule = draft.rule
    assert isinstance(rule, WorkingDaysRule), f"{rule.id} must say when its task is due"
    return add_working_days(draft.counts_from, own.working_days if own else rule.working_days)


def _own_target(draft: Draft, responsible: Responsible, lists: CodeLists) -> Target | None:
    """As agreed on the day that the task counts from: a citizen who moves later takes it along."""
    rule, day = draft.rule, draft.counts_from
    if draft.due_on is not None or not isinstance(rule, WorkingDaysRule) or not rule.targets:
        return None
    if draft.institution is None:
        return rule.target_of(responsible.at(day), day)
    # What an institution is to answer is promised to the municipality that asked.
    return rule.target_of(lists.acting_municipality(draft.first.sender, day), day)


def _running_state(opens_on: date, due_on: date, today: date) -> TaskState:
    if today > due_on:
        return TaskState.OVERDUE
    return TaskState.PLANNED if today < opens_on else TaskState.OPEN


def days_of_succession(draft: Draft, lists: CodeLists) -> set[date]:
    """Days from which another institution may have the task."""
    return lists.institution_turns(draft.institution) if draft.institution and draft.unfinished else set()


def _recipient(draft: Draft, responsible: Responsible, lists: CodeLists, day: date) -> PartyAddress | None:
    if draft.institution is not None:
        institution = lists.institution_successor_of(draft.institution, day)
        return institution_address(institution) if institution else None
    municipality = responsible.at(day)
    return municipality_address(municipality) if municipality else None


@lru_cache(maxsize=16_384)
def _task_id(family: str, case: CaseKey | None, anchor: str) -> TaskId:
    # The pseudonym under which the opening message came: a merge leaves the id as it was.
    return TaskId(str(uuid5(_NAMESPACE, f"{family}|{case}|{anchor}")))


def _sentence(draft: Draft, due_on: date, own: Target | None) -> str:
    told = draft.explain()
    match draft.outcome, draft.closed_by:
        case None, _:
            return f"{told}; due by {due_on}{_agreed(own) if own else ''}."
        case TaskState.EXPIRED, _:
            return f"{told}; nobody acted, and it expired on {draft.closed_on}."
        case outcome, closer if closer is not None:
            verb = "done" if outcome is TaskState.DONE else "no longer needed"
            return f"{told}; {verb} by the {closer.flow} message of {closer.day}."
    return f"{told}."


def _agreed(own: Target) -> str:
    return f" by municipality {own.municipality}'s own target (working days: {own.working_days})"
