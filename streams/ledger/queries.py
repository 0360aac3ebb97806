"""What the ledger answers: a message's outcome, the tasks of a recipient, one task (one case: `timeline`).

Each function takes an open SQLAlchemy connection, reads only and unseals nothing.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, and_, select, tuple_

from schemas.identifiers import CaseKey, MessageId, PartyAddress, TaskId
from streams.ledger.answers import (
    Delivery,
    LedgerTask,
    Outcome,
    Reason,
    Revision,
    TaskHistory,
    TimelineMessage,
)
from streams.ledger.tables import facts, inbox, outbound, quarantine, task_revisions, tasks
from streams.rules.ruleset import RuleBook

_SAME_MESSAGE = (inbox.c.source == facts.c.source, inbox.c.id == facts.c.id)


def outcome_of(connection: Connection, source: PartyAddress, message: MessageId) -> Outcome | None:
    """What became of a message; None before a decision, or where it never came in."""
    accepted = connection.execute(
        select(inbox, facts.c.warnings.label("of_rules"))
        .outerjoin(facts, and_(*_SAME_MESSAGE, facts.c.case_key == inbox.c.case_key))
        .where(inbox.c.source == source, inbox.c.id == message)
    ).one_or_none()
    if accepted is not None:
        return Outcome(
            message,
            source,
            "ACCEPTED",
            accepted.flow,
            accepted.received_at,
            accepted.case_key,
            accepted.duplicates,
            _together(accepted.warnings, accepted.of_rules),
            [],
            _deliveries(connection, source, message),
        )
    refused = connection.execute(
        select(quarantine)
        .where(quarantine.c.source == source, quarantine.c.message_id == message)
        .order_by(quarantine.c.n.desc())
        .limit(1)
    ).one_or_none()
    if refused is None:
        return None
    reasons = [Reason(**reason) for reason in refused.reasons]
    return Outcome(
        message, source, "QUARANTINED", refused.flow, refused.received_at, None, 0, [], reasons, []
    )


def tasks_of(
    connection: Connection,
    *,
    recipient: PartyAddress | None = None,
    unrouted: bool = False,
    states: tuple[str, ...] = (),
    after: TaskId | None = None,
    limit: int = 100,
) -> list[LedgerTask]:
    """Tasks by due date, then id: a recipient's, the unrouted ones, or all; of the given states where given.

    `after` is the last task of the page before.
    """
    query = select(tasks).order_by(tasks.c.due_on, tasks.c.task_id).limit(limit)
    if unrouted:
        query = query.where(tasks.c.recipient.is_(None))
    elif recipient is not None:
        query = query.where(tasks.c.recipient == recipient)
    if states:
        query = query.where(tasks.c.state.in_(states))
    if after is not None:
        due_on = select(tasks.c.due_on).where(tasks.c.task_id == after).scalar_subquery()
        query = query.where(tuple_(tasks.c.due_on, tasks.c.task_id) > tuple_(due_on, after))
    return [task_of(row) for row in connection.execute(query)]


def task_history(connection: Connection, task: TaskId, book: RuleBook) -> TaskHistory | None:
    """One task with all its revisions and what `book` says of its rule; None where there is none."""
    row = connection.execute(select(tasks).where(tasks.c.task_id == task)).one_or_none()
    if row is None:
        return None
    now = task_of(row)
    columns = [column for column in task_revisions.c if column.name != "task_id"]
    earlier = connection.execute(
        select(*columns).where(task_revisions.c.task_id == task).order_by(task_revisions.c.revision)
    )
    rule = book.rule(now.rule_set, now.rule)
    came = messages_of(connection, CaseKey(now.case))
    return TaskHistory(
        now,
        rule.closes if rule else None,
        rule.parameters if rule else {},
        [message for message in came if message.id in now.caused_by],
        [message for message in came if message.id == now.closed_by],
        [Revision(**_named(row)) for row in earlier],
    )


def messages_of(connection: Connection, case: CaseKey) -> list[TimelineMessage]:
    """The messages of a case by `time`, then id."""
    came = connection.execute(
        select(
            facts.c.source,
            facts.c.id,
            facts.c.flow,
            facts.c.time,
            inbox.c.received_at,
            inbox.c.warnings,
            facts.c.warnings.label("of_rules"),
            facts.c.forwarded_to,
        )
        .join(inbox, and_(*_SAME_MESSAGE))
        .where(facts.c.case_key == case)
        .order_by(facts.c.time, facts.c.id)
    )
    return [_timeline_message(row) for row in came]


def task_of(row: Row[*tuple[Any, ...]]) -> LedgerTask:
    """The task of a row of `tasks`."""
    named = dict(_named(row))
    return LedgerTask(case=named.pop("case_key"), **named)


def _deliveries(connection: Connection, source: PartyAddress, message: MessageId) -> list[Delivery]:
    rows = connection.execute(
        select(
            outbound.c.recipient,
            outbound.c.sequence,
            outbound.c.published_at,
            outbound.c.undeliverable_reason,
        )
        .where(outbound.c.source == source, outbound.c.message_id == message)
        .order_by(outbound.c.recipient)
    )
    return [Delivery(**_named(row)) for row in rows]


def _timeline_message(row: Row[*tuple[Any, ...]]) -> TimelineMessage:
    named = dict(_named(row))
    warnings = _together(named.pop("warnings"), named.pop("of_rules"))
    return TimelineMessage(warnings=warnings, **named)


def _together(of_content: list[str], of_rules: list[str] | None) -> list[str]:
    """Warnings that the content gave when it came, then those that the last decision gave."""
    return list(dict.fromkeys([*of_content, *(of_rules or [])]))


def _named(row: Row[*tuple[Any, ...]]) -> Mapping[str, Any]:
    return dict(row._mapping)
