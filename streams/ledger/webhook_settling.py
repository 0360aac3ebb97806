"""What the deliverer of webhooks writes: what came of deliveries, with the receipts to their senders.

All of it on the one connection that holds its endpoints: whoever has lost that connection changes nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, cast

import orjson
from psycopg import Connection, Cursor

from schemas.identifiers import PartyAddress
from streams.ledger import outgoing
from streams.ledger.audit import CHANGE_LOCK
from streams.ledger.bulk import BulkInsert
from streams.ledger.case_keys import CaseVault
from streams.ledger.receipt_wishes import wanting_all
from streams.webhooks import Delivery, DeliveryState, Endpoint, EndpointState, Settled

ACTOR = "deliver"
"""Who stands on the audit for what the deliverer changes by itself."""
_TOLD = {DeliveryState.FAILED: "REFUSED", DeliveryState.EXPIRED: "EXPIRED"}
_COLUMNS = {
    "recipient": "text",
    "sequence": "bigint",
    "source": "text",
    "message_id": "text",
    "order_key": "text",
    "state": "text",
    "attempts": "integer",
    "next_attempt_at": "timestamptz",
    "expires_at": "timestamptz",
    "last_attempt_at": "timestamptz",
    "last_status": "text",
    "round": "integer",
    "told": "text",
}
_CHANGED = ("state", "attempts", "next_attempt_at", "last_status", "told")
_PUT = BulkInsert(
    "webhook_exceptions",
    _COLUMNS,
    tail="ON CONFLICT (recipient, sequence) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _CHANGED)
    + ", last_attempt_at = coalesce(excluded.last_attempt_at, webhook_exceptions.last_attempt_at)",
)


def settle(
    connection: Connection,
    vault: CaseVault,
    endpoint: Endpoint,
    cursor_at: int,
    settled: Sequence[Settled],
    now: datetime,
    *,
    held_until: datetime | None = None,
    gone: str | None = None,
    well_again: bool = False,
) -> None:
    """Store what came of deliveries and move the cursor, with the receipts to their senders.

    `held_until`: nothing is sent before. `gone`: why the endpoint is paused. `well_again`: whatever waits is
    due at once.
    """
    party = endpoint.party
    with connection.transaction(), connection.cursor(binary=True) as cursor:
        sources = {one.delivery.source for one in settled} - {outgoing.GATEWAY}
        wanting = wanting_all(cursor, sources, now)
        put = [one for one in settled if one.state is not None]
        _PUT.run(cursor, [_row(one, wanting, now) for one in put])
        _wake(cursor, party, [one for one in put if one.state is not DeliveryState.WAITING], now)
        told = [receipt for one in settled if (receipt := _receipt(one, wanting, vault, now)) is not None]
        outgoing.write(cursor, told, now)
        cursor.execute(
            "UPDATE webhooks SET cursor = greatest(cursor, %s),"
            " held_until = coalesce(%s::timestamptz, held_until) WHERE party = %s",
            (cursor_at, held_until, party),
        )
        if well_again:
            _all_due(cursor, party, now)
        if gone is not None:
            _stand(cursor, endpoint, EndpointState.PAUSED, gone, now)


def activate(connection: Connection, endpoint: Endpoint, now: datetime) -> None:
    """The endpoint has agreed: messages are posted from now on, those that wait first."""
    with connection.transaction(), connection.cursor() as cursor:
        _stand(cursor, endpoint, EndpointState.ACTIVE, None, now)
        _all_due(cursor, endpoint.party, now)


def postpone(connection: Connection, endpoint: Endpoint, because: str, again_at: datetime) -> None:
    """The endpoint has not agreed: it is asked again, and nothing is sent meanwhile."""
    connection.execute(
        "UPDATE webhooks SET because = %s, validate_at = %s, validations = validations + 1"
        " WHERE party = %s AND state = 'PENDING' AND url = %s",
        (because, again_at, endpoint.party, endpoint.url),
    )


def _row(one: Settled, wanting: Collection[PartyAddress], now: datetime) -> tuple[Any, ...]:
    assert one.state is not None
    given = {field.name: getattr(one.delivery, field.name) for field in fields(Delivery)}
    given |= {
        "state": one.state.value,
        "next_attempt_at": one.next_attempt_at,
        "last_attempt_at": now if one.attempted else None,
        "last_status": one.status,
        "told": _outcome(one, wanting) or one.delivery.told,
    }
    return tuple(given[name] for name in _COLUMNS)


def _wake(cursor: Cursor[Any], party: PartyAddress, over: Sequence[Settled], now: datetime) -> None:
    """The next of each case whose first message waits no longer."""
    if not over:
        return
    cursor.execute(
        "UPDATE webhook_exceptions AS woken SET next_attempt_at = %s FROM ("
        "  SELECT DISTINCT ON (order_key) sequence FROM webhook_exceptions"
        "  WHERE recipient = %s AND state = 'WAITING' AND order_key IN ("
        "   SELECT order_key FROM webhook_exceptions WHERE recipient = %s AND sequence = ANY(%b))"
        "  ORDER BY order_key, sequence"
        ") AS first WHERE woken.recipient = %s AND woken.sequence = first.sequence"
        " AND woken.next_attempt_at IS NULL",
        (now, party, party, [one.delivery.sequence for one in over], party),
    )


def _all_due(cursor: Cursor[Any], party: PartyAddress, now: datetime) -> None:
    cursor.execute(
        "UPDATE webhook_exceptions SET next_attempt_at = %s"
        " WHERE recipient = %s AND state = 'WAITING' AND next_attempt_at > %s",
        (now, party, now),
    )


def _outcome(one: Settled, wanting: Collection[PartyAddress]) -> str | None:
    """What the sender is told of it; that a message arrived only where it heard otherwise before, or wants to
    hear of each.
    """
    arrived = one.state in (None, DeliveryState.DELIVERED_LATE)
    if arrived and one.delivery.told is None and one.delivery.source not in wanting:
        return None
    return "ACKNOWLEDGED" if arrived else _TOLD.get(cast(DeliveryState, one.state))


def _receipt(
    one: Settled, wanting: Collection[PartyAddress], vault: CaseVault, now: datetime
) -> outgoing.Outgoing | None:
    delivery, outcome = one.delivery, _outcome(one, wanting)
    if outcome is None or delivery.source == outgoing.GATEWAY:
        return None
    record = {
        "message_id": delivery.message_id,
        "recipient": delivery.recipient,
        "outcome": outcome,
        "reason": None if outcome == "ACKNOWLEDGED" else one.status,
    }
    place = f"webhook|{delivery.recipient}|{delivery.sequence}|{delivery.round}"
    return outgoing.delivery_receipt(place, delivery.source, record, vault.seal_own, now)


def _stand(
    cursor: Cursor[Any], endpoint: Endpoint, state: EndpointState, because: str | None, now: datetime
) -> None:
    """Change the state by ourselves, audited; not where somebody has just registered another address."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (CHANGE_LOCK,))
    cursor.execute(
        "UPDATE webhooks SET state = %s, because = %s, validations = 0, validate_at = NULL,"
        " activated_at = CASE WHEN %s = 'ACTIVE' THEN coalesce(activated_at, %s) ELSE activated_at END"
        " WHERE party = %s AND url = %s AND state = %s",
        (state, because, state, now, endpoint.party, endpoint.url, endpoint.state),
    )
    if cursor.rowcount:
        action = "activate-webhook" if state is EndpointState.ACTIVE else "pause-webhook"
        detail = orjson.dumps({"because": because} if because else {}).decode()
        cursor.execute(
            "INSERT INTO audit (at, actor, action, object, detail) VALUES (%s, %s, %s, %s, %s::jsonb)",
            (now, ACTOR, action, endpoint.party, detail),
        )
