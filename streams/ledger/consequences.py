"""What a decision changes: task revisions, messages to send, facts that have been forwarded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from types import MappingProxyType

from schemas.code_lists import CodeLists
from schemas.identifiers import (
    MessageId,
    PartyAddress,
    institution_address,
    municipality_address,
    parse_party,
)
from streams.ledger.cases import Case, StoredFact, StoredTask
from streams.ledger.outgoing import Outgoing, forward, task_message
from streams.ledger.sealing import Seal
from streams.rules.facts import danish_day
from streams.rules.model import Decision, MessageRef, Task
from streams.task_progress import TOLD, Progress, is_told, progress_of

_MOVED = "Withdrawn: another party is responsible for the citizen now."
_UNROUTED = "Withdrawn: nobody is known to be responsible for the citizen now."
_GONE = "Withdrawn: the facts that opened it do not hold."


@dataclass(frozen=True, slots=True)
class Advanced:
    """A task stands otherwise than before for the sender of a message that opened it."""

    message: MessageRef
    task: StoredTask
    progress: Progress


@dataclass(frozen=True, slots=True)
class Consequences:
    """`after` is the case with all of it done; the lists hold only what changed, in the order to send it."""

    after: Case
    facts: tuple[StoredFact, ...]
    tasks: tuple[StoredTask, ...]
    outgoing: tuple[Outgoing, ...]
    progress: tuple[Advanced, ...]


def consequences(
    case: Case,
    decision: Decision,
    seal: Seal,
    lists: CodeLists,
    now: datetime,
    traces: Mapping[MessageId, str] = MappingProxyType({}),
) -> Consequences:
    """Compare a decision with what is stored. Messages go first, then the tasks they caused.

    `traces` are the `traceparent`s of the messages that are new: a task that they change bears one.
    """
    outgoing: list[Outgoing] = []
    facts = dict(case.facts)
    for ref, recipients in _new_forwards(case, decision, lists, now).items():
        stored = facts[ref]
        outgoing += [forward(case, stored, recipient, seal) for recipient in recipients]
        facts[ref] = replace(stored, forwarded_to=stored.forwarded_to.union(recipients))
    for ref, stored in facts.items():
        warnings = decision.warnings.get(ref, ())
        if warnings != stored.warnings:
            facts[ref] = replace(stored, warnings=warnings)
    changed = list(_changed_tasks(case, decision))
    for new, old in changed:
        outgoing += _told(case, new, old, seal, now, _trace(new.task, traces) if traces else None)
    return Consequences(
        after=replace(
            case,
            version=case.version + 1,
            decided_at=now,
            stuck=False,
            facts=facts,
            tasks={**case.tasks, **{new.task.task_id: new for new, _ in changed}},
        ),
        facts=tuple(new for ref, new in facts.items() if new is not case.facts[ref]),
        tasks=tuple(new for new, _ in changed),
        outgoing=tuple(outgoing),
        progress=tuple(advanced for new, old in changed for advanced in _advanced(case, new, old)),
    )


def _new_forwards(
    case: Case, decision: Decision, lists: CodeLists, now: datetime
) -> dict[MessageRef, list[PartyAddress]]:
    """What nobody got yet. A recipient that closed after the message's date leaves it to its successor."""
    found: dict[MessageRef, list[PartyAddress]] = {}
    for ref, recipient in decision.forwards:
        had = case.facts[ref].forwarded_to
        if recipient not in had:
            acting = _acting(recipient, lists, danish_day(now))
            sent = found.setdefault(ref, [])
            if acting not in had and acting not in sent and acting != ref.source:
                sent.append(acting)
    return {ref: recipients for ref, recipients in found.items() if recipients}


def _acting(recipient: PartyAddress, lists: CodeLists, on: date) -> PartyAddress:
    """Who acts for the recipient; itself where nobody does."""
    role, number = parse_party(recipient)
    if role == "municipality":
        return municipality_address(lists.acting_municipality(number, on) or number)
    return institution_address(lists.institution_successor_of(number, on) or number)


def _changed_tasks(case: Case, decision: Decision) -> Iterator[tuple[StoredTask, StoredTask | None]]:
    for task in decision.tasks:
        old = case.tasks.get(task.task_id)
        if old is None or old.withdrawn or old.task != task:
            yield StoredTask(task, old.revision + 1 if old else 1, withdrawn=False), old
    decided = {task.task_id for task in decision.tasks}
    for task_id, old in case.tasks.items():
        if task_id not in decided and not old.withdrawn:
            yield StoredTask(old.task, old.revision + 1, withdrawn=True), old


def _advanced(case: Case, new: StoredTask, old: StoredTask | None) -> Iterator[Advanced]:
    """That a task was opened is no news of it."""
    task, stands = new.task, _progress(new)
    if task.rule not in TOLD or stands is (_progress(old) if old is not None else Progress.OPEN):
        return
    for ref, stored in case.facts.items():
        if ref.id in task.caused_by and is_told(task.rule, task.recipient, stored.flow, ref.source):
            yield Advanced(ref, new, stands)


def _progress(stored: StoredTask) -> Progress:
    return Progress.ENDED if stored.withdrawn else progress_of(stored.task.state)


def _trace(task: Task, traces: Mapping[MessageId, str]) -> str:
    """Of the message that closed or opened the task; else of the last that is new."""
    ids = (*([task.closed_by] if task.closed_by else ()), *reversed(task.caused_by))
    return next((traces[id_] for id_ in ids if id_ in traces), list(traces.values())[-1])


def _told(
    case: Case,
    new: StoredTask,
    old: StoredTask | None,
    seal: Seal,
    now: datetime,
    traceparent: str | None,
) -> Iterator[Outgoing]:
    had = old.task.recipient if old is not None and not old.withdrawn else None
    has = None if new.withdrawn else new.task.recipient
    if had is not None and had != has:
        reason = _GONE if new.withdrawn else _UNROUTED if has is None else _MOVED
        yield task_message(case, new.task, new.revision, "WITHDRAWN", reason, had, seal, now, traceparent)
    if has is not None:
        task = new.task
        state = task.state.value
        yield task_message(case, task, new.revision, state, task.explanation, has, seal, now, traceparent)
