"""What the ledger answers: a message's outcome, the tasks of a recipient, one task (one case: `timeline`).

Each function takes an open SQLAlchemy connection, reads only and unseals nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, select, tuple_

from schemas.identifiers import CaseKey, Flow, MessageId, PartyAddress, TaskId
from streams.ledger.answers import (
    Delivery,
    LedgerTask,
    OpenedTask,
    Outcome,
    Reason,
    Revision,
    TaskHistory,
    TimelineMessage,
)
from streams.ledger.tables import (
    cases,
    facts,
    inbox,
    mailboxes,
    outbound,
    quarantine,
    task_revisions,
    tasks,
    webhook_exceptions,
    webhooks,
)
from streams.rules.ruleset import RuleBook
from streams.task_progress import Progress, is_told, progress_of
from streams.webhooks import DeliveryState

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
            _opened(connection, source, message, accepted.flow, accepted.case_key),
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
        message, source, "QUARANTINED", refused.flow, refused.received_at, None, 0, [], reasons, [], []
    )


def tasks_of(
    connection: Connection,
    *,
    recipient: PartyAddress | None = None,
    unrouted: bool = False,
    states: tuple[str, ...] = (),
    kinds: tuple[str, ...] = (),
    after: TaskId | None = None,
    limit: int = 100,
) -> list[LedgerTask]:
    """Tasks by due date, then id: a recipient's, the unrouted ones, or all; of these states and kinds only,
    where given.

    `after` is the last task of the page before.
    """
    query = select(tasks).order_by(tasks.c.due_on, tasks.c.task_id).limit(limit)
    if unrouted:
        query = query.where(tasks.c.recipient.is_(None))
    elif recipient is not None:
        query = query.where(tasks.c.recipient == recipient)
    if states:
        query = query.where(tasks.c.state.in_(states))
    if kinds:
        query = query.where(tasks.c.kind.in_(kinds))
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
            (mailboxes.c.acknowledged >= outbound.c.sequence).label("by_mailbox"),
            (webhooks.c.cursor >= outbound.c.sequence).label("posted"),
            (webhooks.c.began < outbound.c.sequence).label("to_post"),
            webhook_exceptions.c.state.label("exception"),
        )
        .outerjoin(mailboxes, mailboxes.c.party == outbound.c.recipient)
        .outerjoin(webhooks, webhooks.c.party == outbound.c.recipient)
        .outerjoin(
            webhook_exceptions,
            and_(
                webhook_exceptions.c.recipient == outbound.c.recipient,
                webhook_exceptions.c.sequence == outbound.c.sequence,
            ),
        )
        .where(outbound.c.source == source, outbound.c.message_id == message)
        .order_by(outbound.c.recipient)
    )
    return [_delivery(row) for row in rows]


def _delivery(row: Row[*tuple[Any, ...]]) -> Delivery:
    at_once = row.exception is None and row.posted and row.to_post
    by_webhook = at_once or row.exception == DeliveryState.DELIVERED_LATE
    by: list[Literal["mailbox", "webhook"]] = []
    by += ["mailbox"] if row.by_mailbox else []
    by += ["webhook"] if by_webhook else []
    state: Literal["WAITING", "ACKNOWLEDGED", "REFUSED", "EXPIRED"] = "WAITING"
    if by:
        state = "ACKNOWLEDGED"
    elif row.exception == DeliveryState.FAILED:
        state = "REFUSED"
    elif row.exception == DeliveryState.EXPIRED:
        state = "EXPIRED"
    return Delivery(row.recipient, row.sequence, row.published_at, row.undeliverable_reason, state, by)


def _opened(
    connection: Connection, source: PartyAddress, message: MessageId, flow: Flow, case: CaseKey
) -> list[OpenedTask]:
    """What the message's sender may know of the tasks that it opened."""
    led = select(cases.c.key, cases.c.merged_into).where(cases.c.key == case).cte("led", recursive=True)
    led = led.union_all(select(cases.c.key, cases.c.merged_into).where(cases.c.key == led.c.merged_into))
    rows = connection.execute(
        select(tasks.c.task_id, tasks.c.recipient, tasks.c.state, tasks.c.rule)
        .where(tasks.c.case_key.in_(select(led.c.key)), tasks.c.caused_by.contains([message]))
        .order_by(tasks.c.opens_on, tasks.c.task_id)
    ).all()
    known = [row for row in rows if is_told(row.rule, row.recipient, flow, source)]
    since = _since(connection, [row.task_id for row in known])
    return [
        OpenedTask(row.task_id, row.recipient, progress_of(row.state), since[row.task_id]) for row in known
    ]


def _since(connection: Connection, of: Sequence[str]) -> dict[str, datetime]:
    """When each task came to stand as it does."""
    revisions = connection.execute(
        select(task_revisions.c.task_id, task_revisions.c.state, task_revisions.c.decided_at)
        .where(task_revisions.c.task_id.in_(of))
        .order_by(task_revisions.c.task_id, task_revisions.c.revision)
    )
    stands: dict[str, tuple[Progress, datetime]] = {}
    for task_id, state, decided_at in revisions:
        if task_id not in stands or stands[task_id][0] is not progress_of(state):
            stands[task_id] = (progress_of(state), decided_at)
    return {task_id: at for task_id, (_, at) in stands.items()}


def _timeline_message(row: Row[*tuple[Any, ...]]) -> TimelineMessage:
    named = dict(_named(row))
    warnings = _together(named.pop("warnings"), named.pop("of_rules"))
    return TimelineMessage(warnings=warnings, **named)


def _together(of_content: list[str], of_rules: list[str] | None) -> list[str]:
    """Warnings that the content gave when it came, then those that the last decision gave."""
    return list(dict.fromkeys([*of_content, *(of_rules or [])]))


def _named(row: Row[*tuple[Any, ...]]) -> Mapping[str, Any]:
    return dict(row._mapping)
