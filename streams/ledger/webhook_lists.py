"""Webhooks as their parties and the operator see them. Reads only and unseals nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from schemas.identifiers import PartyAddress
from streams.ledger.tables import cursors, outbound, webhook_exceptions, webhooks
from streams.webhooks import DeliveryState, EndpointState


@dataclass(frozen=True, slots=True)
class WebhookStanding:
    """An endpoint. `newest` is the number of its party's latest message, `cursor` how far it has come.

    `waiting`, `failed` and `expired` count messages up to the cursor that did not arrive.
    """

    party: str
    url: str
    state: EndpointState
    because: str | None
    cursor: int
    newest: int
    waiting: int
    failed: int
    expired: int
    added_at: datetime
    activated_at: datetime | None
    held_until: datetime | None


@dataclass(frozen=True, slots=True)
class WebhookException:
    """A message that did not arrive at the first try; `last_status` is what the endpoint said."""

    recipient: str
    sequence: int
    source: str
    message_id: str
    type: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    expires_at: datetime
    last_attempt_at: datetime | None
    last_status: str | None


def webhook_standings(connection: Connection, party: PartyAddress | None = None) -> list[WebhookStanding]:
    """All endpoints by party, or one party's; none where it has none."""
    found = select(webhooks, func.coalesce(cursors.c.last_sequence, 0).label("newest")).outerjoin(
        cursors, cursors.c.recipient == webhooks.c.party
    )
    counted = select(webhook_exceptions.c.recipient, webhook_exceptions.c.state, func.count()).group_by(
        webhook_exceptions.c.recipient, webhook_exceptions.c.state
    )
    if party is not None:
        found = found.where(webhooks.c.party == party)
        counted = counted.where(webhook_exceptions.c.recipient == party)
    many = {(row[0], row[1]): int(row[2]) for row in connection.execute(counted)}

    def count(of: str, state: DeliveryState) -> int:
        return many.get((of, state.value), 0)

    return [
        WebhookStanding(
            row.party,
            row.url,
            EndpointState(row.state),
            row.because,
            row.cursor,
            row.newest,
            count(row.party, DeliveryState.WAITING),
            count(row.party, DeliveryState.FAILED),
            count(row.party, DeliveryState.EXPIRED),
            row.added_at,
            row.activated_at,
            row.held_until,
        )
        for row in connection.execute(found.order_by(webhooks.c.party))
    ]


def webhook_exceptions_of(
    connection: Connection,
    states: Collection[DeliveryState],
    *,
    party: PartyAddress | None = None,
    after: int = 0,
    limit: int = 100,
) -> Sequence[WebhookException]:
    """By party and number; `after` is the last number of the page before, of one party."""
    table = webhook_exceptions
    same = tuple_(outbound.c.recipient, outbound.c.sequence) == tuple_(table.c.recipient, table.c.sequence)
    names = [name for name in WebhookException.__slots__ if name != "type"]
    query = (
        select(*(table.c[name] for name in names), outbound.c.type)
        .join(outbound, same)
        .where(table.c.state.in_([state.value for state in states]))
        .order_by(table.c.recipient, table.c.sequence)
        .limit(limit)
    )
    if party is not None:
        query = query.where(table.c.recipient == party, table.c.sequence > after)
    return [_exception(dict(row._mapping)) for row in connection.execute(query)]


def _exception(row: dict[str, Any]) -> WebhookException:
    return WebhookException(**(row | {"state": DeliveryState(row["state"])}))
