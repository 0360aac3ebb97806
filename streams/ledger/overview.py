"""The ledger at a glance: how many inputs have an outcome, what is open where, a case worth looking at."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select

from schemas.identifiers import CaseKey, PartyAddress, TaskId
from streams.ledger.tables import cursors, facts, inbox, outbound, quarantine, tasks

_TO_DO = ("OPEN", "OVERDUE")


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """Inputs by outcome; every input is in exactly one of them."""

    accepted: int
    duplicates: int
    quarantined: int

    @property
    def total(self) -> int:
        return self.accepted + self.duplicates + self.quarantined


@dataclass(frozen=True, slots=True)
class ToDo:
    """Tasks of one kind that wait at one recipient (None: unrouted); `overdue` of them are late."""

    recipient: str | None
    kind: str
    open: int
    overdue: int


def outcome_counts(connection: Connection) -> OutcomeCounts:
    """How many inputs have been taken, by what became of them."""
    accepted, duplicates = connection.execute(
        select(func.count(), func.coalesce(func.sum(inbox.c.duplicates), 0)).select_from(inbox)
    ).one()
    refused = connection.execute(select(func.count()).select_from(quarantine)).scalar_one()
    return OutcomeCounts(accepted, duplicates, refused)


def unpublished(connection: Connection) -> int:
    """Messages to recipients that the broker does not have yet."""
    waiting = and_(outbound.c.published_at.is_(None), outbound.c.undeliverable_at.is_(None))
    return connection.execute(select(func.count()).select_from(outbound).where(waiting)).scalar_one()


def to_do(connection: Connection) -> list[ToDo]:
    """What is open or overdue, by recipient and kind."""
    late = func.count().filter(tasks.c.state == "OVERDUE")
    rows = connection.execute(
        select(tasks.c.recipient, tasks.c.kind, func.count(), late)
        .where(tasks.c.state.in_(_TO_DO))
        .group_by(tasks.c.recipient, tasks.c.kind)
        .order_by(tasks.c.recipient, tasks.c.kind)
    )
    return [ToDo(*row) for row in rows]


def eventful_case(connection: Connection, most: int) -> CaseKey | None:
    """A case with an admission, a notice, a reaction and a done duty, of at most `most` messages."""
    has = (func.bool_or(facts.c.flow == flow) for flow in ("enrolment", "dropout-risk", "follow-up"))
    duty = select(tasks.c.case_key).where(tasks.c.kind == "CONTACT_YOUNG_PERSON", tasks.c.state == "DONE")
    return connection.execute(
        select(facts.c.case_key)
        .where(facts.c.case_key.in_(duty))
        .group_by(facts.c.case_key)
        .having(and_(*has, func.count() <= most))
        .order_by(func.count().desc(), facts.c.case_key)
        .limit(1)
    ).scalar_one_or_none()


def pressing_task(connection: Connection) -> TaskId | None:
    """A duty to contact a young person that waits at a municipality, the one that is due first."""
    return connection.execute(
        select(tasks.c.task_id)
        .where(
            tasks.c.kind == "CONTACT_YOUNG_PERSON", tasks.c.state.in_(_TO_DO), tasks.c.recipient.is_not(None)
        )
        .order_by(tasks.c.due_on, tasks.c.task_id)
        .limit(1)
    ).scalar_one_or_none()


def recipients_so_far(connection: Connection) -> frozenset[PartyAddress]:
    """Parties that any message was numbered for, registered or not."""
    return frozenset(map(PartyAddress, connection.execute(select(cursors.c.recipient)).scalars()))
