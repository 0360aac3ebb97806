"""What wants a person: flows and their faults, stuck cases, undeliverable messages, the quarantine.

Each function takes an open SQLAlchemy connection, reads only and unseals nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, select

from schemas.flows.registry import FLOWS
from schemas.identifiers import CaseKey, Flow
from streams.ledger.answers import Reason
from streams.ledger.tables import cases, flows, outbound, quarantine


@dataclass(frozen=True, slots=True)
class FlowStanding:
    """A flow: `stopped_at` is null while it reads; `faults` counts our own ones, since the beginning."""

    flow: Flow
    stopped_at: datetime | None
    stopped_because: str | None
    faults: int
    last_fault: str | None


@dataclass(frozen=True, slots=True)
class StuckCase:
    """A case that could not be decided: its messages are kept, its tasks stay as they were."""

    case: CaseKey
    stuck_at: datetime
    stuck_because: str


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """A message that its recipient's topic can never take; its number stays empty there."""

    recipient: str
    sequence: int
    source: str
    message_id: str
    type: str
    undeliverable_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An input that could not be accepted. `source` and `message_id` are as it claims them, null where
    malformed or not proved; `system` is which proved to have sent it, null where none has."""

    n: int
    flow: str
    received_at: datetime
    source: str | None
    message_id: str | None
    system: str | None
    error_class: str
    reasons: list[Reason]
    topic: str
    topic_id: UUID
    partition: int
    offset: int
    attempts: int


def flow_standings(connection: Connection) -> list[FlowStanding]:
    """Every flow of the contract; one that never had trouble has no row and stands here all the same."""
    rows = {row.flow: row for row in connection.execute(select(flows))}
    return [
        FlowStanding(flow, row.stopped_at, row.stopped_because, row.faults, row.last_fault)
        if (row := rows.get(flow))
        else FlowStanding(flow, None, None, 0, None)
        for flow in FLOWS
    ]


def stuck_cases(connection: Connection, limit: int = 100) -> list[StuckCase]:
    """Those that have been stuck longest first."""
    rows = connection.execute(
        select(cases.c.key, cases.c.stuck_at, cases.c.stuck_because)
        .where(cases.c.stuck_at.is_not(None))
        .order_by(cases.c.stuck_at, cases.c.key)
        .limit(limit)
    )
    return [StuckCase(*row) for row in rows]


def undeliverable_messages(connection: Connection, limit: int = 100) -> list[Undeliverable]:
    """The latest first."""
    rows = connection.execute(
        select(
            outbound.c.recipient,
            outbound.c.sequence,
            outbound.c.source,
            outbound.c.message_id,
            outbound.c.type,
            outbound.c.undeliverable_at,
            outbound.c.undeliverable_reason,
        )
        .where(outbound.c.undeliverable_at.is_not(None))
        .order_by(outbound.c.n.desc())
        .limit(limit)
    )
    return [Undeliverable(*row) for row in rows]


def quarantined(connection: Connection, *, before: int | None = None, limit: int = 100) -> list[Quarantined]:
    """The latest first; `before` is the last `n` of the page before."""
    return _quarantined(connection, [] if before is None else [quarantine.c.n < before], limit)


def quarantined_one(connection: Connection, n: int) -> Quarantined | None:
    """One input; None where there is none of this number."""
    return next(iter(_quarantined(connection, [quarantine.c.n == n], 1)), None)


def sealed_original(connection: Connection, n: int) -> bytes:
    """The input as it came, sealed by the gateway's own key. Raises `NoResultFound`."""
    original: bytes = connection.execute(
        select(quarantine.c.original).where(quarantine.c.n == n)
    ).scalar_one()
    return original


def _quarantined(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], limit: int
) -> list[Quarantined]:
    rows = connection.execute(
        select(quarantine).where(*conditions).order_by(quarantine.c.n.desc()).limit(limit)
    )
    return [
        Quarantined(
            row.n,
            row.flow,
            row.received_at,
            row.source,
            row.message_id,
            row.system,
            row.error_class,
            [Reason(**reason) for reason in row.reasons],
            row.topic,
            row.topic_id,
            row.partition,
            row.offset,
            row.attempts,
        )
        for row in rows
    ]
