"""One case from its first message on: what came, what was decided, what was sent.

Reads only and unseals nothing: a timeline holds no identifier and nothing that a message says.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, func, select

from schemas.identifiers import CaseKey, PartyAddress, TaskId
from schemas.outbound import TASK_TYPE
from streams.ledger.answers import CaseEvent, Delivered, MessageCame, TaskDecided, Timeline, TimelineMessage
from streams.ledger.outgoing import task_message_id
from streams.ledger.queries import messages_of, task_of
from streams.ledger.tables import cases, outbound, task_revisions, tasks

_ORDER = ("MESSAGE", "DECISION", "DELIVERY")
"""What came in one instant of the gateway's clock is told with the cause first."""


def timeline_of(connection: Connection, case: CaseKey) -> Timeline | None:
    """All of a case, or of the case that it was merged into; None where there is none."""
    known = connection.execute(select(cases).where(cases.c.key == case)).one_or_none()
    if known is None:
        return None
    if known.merged_into is not None:
        return timeline_of(connection, known.merged_into)
    messages = messages_of(connection, case)
    follow = connection.execute(
        select(tasks)
        .where(tasks.c.case_key == case)
        .order_by(tasks.c.opens_on, tasks.c.kind, tasks.c.task_id)
    )
    return Timeline(
        case,
        known.decided_at,
        known.next_change,
        known.stuck_because,
        messages,
        [task_of(row) for row in follow],
        _events(connection, case, messages),
    )


def _events(connection: Connection, case: CaseKey, messages: Iterable[TimelineMessage]) -> list[CaseEvent]:
    came = [MessageCame(m.received_at, m.source, m.id, m.flow, m.time, m.warnings) for m in messages]
    decided = _decided(connection, case)
    events: list[CaseEvent] = [*came, *decided, *_delivered(connection, case, decided)]
    return sorted(events, key=lambda event: (event.at, _ORDER.index(event.what)))


def _decided(connection: Connection, case: CaseKey) -> list[TaskDecided]:
    rows = connection.execute(
        select(
            task_revisions.c.decided_at.label("at"),
            *(column for column in task_revisions.c if column.name != "decided_at"),
        )
        .join(tasks, tasks.c.task_id == task_revisions.c.task_id)
        .where(tasks.c.case_key == case)
        .order_by(task_revisions.c.decided_at, task_revisions.c.task_id, task_revisions.c.revision)
    )
    return [TaskDecided(**row._mapping) for row in rows]


def _delivered(connection: Connection, case: CaseKey, decided: Iterable[TaskDecided]) -> list[Delivered]:
    """What was sent of this case, and of those that were merged into it before they were."""
    keys = select(cases.c.key).where(cases.c.key == case).cte("keys", recursive=True)
    keys = keys.union_all(select(cases.c.key).where(cases.c.merged_into == keys.c.key))
    at = func.coalesce(outbound.c.published_at, outbound.c.undeliverable_at, outbound.c.written_at)
    rows = connection.execute(
        select(
            at.label("at"),
            outbound.c.recipient,
            outbound.c.sequence,
            outbound.c.published_at,
            outbound.c.undeliverable_reason,
            outbound.c.type,
            outbound.c.source,
            outbound.c.message_id.label("id"),
        )
        .where(outbound.c.case_key.in_(select(keys.c.key)))
        .order_by(outbound.c.n)
    ).all()
    recipients = {PartyAddress(row.recipient) for row in rows if row.type == TASK_TYPE}
    told = {
        task_message_id(TaskId(revision.task_id), revision.revision, recipient): revision
        for revision in decided
        for recipient in recipients
    }
    return [_delivery(dict(row._mapping), told.get(row.id)) for row in rows]


def _delivery(named: dict[str, Any], revision: TaskDecided | None) -> Delivered:
    if revision is None:
        return Delivered(**named, task_id=None, revision=None, kind=None, state=None)
    # Whoever is told of a revision that is for somebody else is told that the task has left.
    state = revision.state if revision.recipient == named["recipient"] else "WITHDRAWN"
    return Delivered(
        **named, task_id=revision.task_id, revision=revision.revision, kind=revision.kind, state=state
    )
