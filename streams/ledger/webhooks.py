"""What the deliverer of webhooks reads and writes. All of it on the one connection that holds its endpoints:
whoever has lost that connection changes nothing here.

Of each endpoint there is a cursor, up to which everything arrived or has a row in `webhook_exceptions`.
Numbers of a recipient become visible in order (the relay gives them, one statement at a time), so none is
ever passed over. Of the waiting messages of a case only the first has a `next_attempt_at`: whoever settles
it wakes the next.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, LiteralString, cast

import orjson
from psycopg import Connection, Cursor
from psycopg.rows import class_row, dict_row

from schemas.cloudevent import to_structured
from schemas.identifiers import PartyAddress
from schemas.wire import decode
from streams.ledger import outgoing
from streams.ledger.bulk import BulkInsert
from streams.ledger.case_keys import CaseErased, CaseVault
from streams.ledger.outbound import OutboundRow
from streams.ledger.registry_changes import CHANGE_LOCK
from streams.webhooks import Delivery, DeliveryState, Endpoint, EndpointState, Settled

ACTOR = "deliver"
"""Who stands on the audit for what the deliverer changes by itself."""
_CLAIMS = 7_301_003
_TOLD = {
    DeliveryState.FAILED: "REFUSED",
    DeliveryState.EXPIRED: "EXPIRED",
    DeliveryState.DELIVERED_LATE: "ACKNOWLEDGED",
}
_DELIVERY: LiteralString = (
    "recipient, sequence, source, message_id, order_key, expires_at, attempts, round, told, true AS kept"
)
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


def claim(connection: Connection, ours: Collection[PartyAddress]) -> list[PartyAddress]:
    """Claim each endpoint that is not among `ours` and that no other deliverer has; return the new ones.

    A claim lives as long as the connection.
    """
    found = connection.execute(
        "SELECT party, pg_try_advisory_lock(%s, hashtext(party)) FROM webhooks WHERE party <> ALL(%s)",
        (_CLAIMS, list(ours)),
    )
    return [PartyAddress(party) for party, claimed in found if claimed]


def endpoints(connection: Connection, parties: Collection[PartyAddress]) -> list[Endpoint]:
    """These endpoints as they stand now."""
    query: LiteralString = (
        "SELECT party, url, secrets, state, cursor, coalesce(last_sequence, 0) AS newest, activated_at,"
        "  held_until, validate_at, validations, due.next_attempt_at, ending.next_expiry"
        " FROM webhooks LEFT JOIN cursors ON cursors.recipient = party"
        " LEFT JOIN LATERAL (SELECT next_attempt_at FROM webhook_exceptions"
        "  WHERE recipient = party AND state = 'WAITING' AND next_attempt_at IS NOT NULL"
        "  ORDER BY next_attempt_at LIMIT 1) AS due ON true"
        " LEFT JOIN LATERAL (SELECT expires_at AS next_expiry FROM webhook_exceptions"
        "  WHERE recipient = party AND state = 'WAITING' ORDER BY expires_at LIMIT 1) AS ending ON true"
        " WHERE party = ANY(%s) ORDER BY party"
    )
    with connection.cursor(binary=True, row_factory=dict_row) as cursor:
        rows = cursor.execute(query, (list(parties),)).fetchall()
    return [Endpoint(**(row | {"state": EndpointState(row["state"])})) for row in rows]


def due(
    connection: Connection, party: PartyAddress, now: datetime, limit: int, without: Collection[int]
) -> list[Delivery]:
    """Waiting messages whose time has come, at most one a case but for those redelivered by hand."""
    return _waiting(connection, party, "next_attempt_at", now, limit, without)


def ended(
    connection: Connection, party: PartyAddress, now: datetime, limit: int, without: Collection[int]
) -> list[Delivery]:
    """Waiting messages that nobody took in time."""
    return _waiting(connection, party, "expires_at", now, limit, without)


def fresh(
    connection: Connection, party: PartyAddress, after: int, limit: int, ttl: timedelta
) -> list[Delivery]:
    """The next messages beyond `after`, in their order. They expire `ttl` after they were written."""
    query: LiteralString = (
        "SELECT recipient, sequence, source, message_id, case_key AS order_key,"
        "  greatest(written_at, activated_at) + %(ttl)s AS expires_at"
        " FROM outbound JOIN webhooks ON party = recipient"
        " WHERE recipient = %(party)s AND sequence > %(after)s ORDER BY sequence LIMIT %(limit)s"
    )
    given = {"party": party, "after": after, "limit": limit, "ttl": ttl}
    with connection.cursor(binary=True, row_factory=class_row(Delivery)) as cursor:
        return cursor.execute(query, given).fetchall()


def order(connection: Connection, party: PartyAddress, deliveries: Iterable[Delivery]) -> set[str]:
    """Bring the order keys of deliveries, and of what waits, to the cases that merged ones go on in; return
    the keys of which something waits.
    """
    deliveries = list(deliveries)
    keys = {d.order_key for d in deliveries if d.order_key is not None}
    roots = _roots(connection, keys)
    for delivery in deliveries:
        if delivery.order_key is not None:
            delivery.order_key = roots.get(delivery.order_key, delivery.order_key)
    while connection.execute(
        "UPDATE webhook_exceptions SET order_key = cases.merged_into FROM cases"
        " WHERE recipient = %s AND state = 'WAITING' AND cases.key = order_key"
        " AND cases.merged_into IS NOT NULL",
        (party,),
    ).rowcount:
        pass
    found = connection.execute(
        "SELECT DISTINCT order_key FROM webhook_exceptions"
        " WHERE recipient = %s AND state = 'WAITING' AND order_key = ANY(%s)",
        (party, list(keys | set(roots.values()))),
    )
    return {key for (key,) in found}


def body(connection: Connection, vault: CaseVault, party: PartyAddress, sequence: int) -> bytes:
    """The message as structured JSON. Raises CaseErased, CannotOpen."""
    names: LiteralString = (
        "n, recipient, sequence, source, message_id, type, time, attributes, case_key, payload"
    )
    with connection.cursor(binary=True, row_factory=class_row(OutboundRow)) as cursor:
        row = cursor.execute(
            f"SELECT {names} FROM outbound WHERE recipient = %s AND sequence = %s", (party, sequence)
        ).fetchone()
    if row is None:
        raise CaseErased(f"message {sequence} is kept no longer")
    _, record = decode(vault.open(row.case_key, row.payload))
    return orjson.dumps(to_structured(row.event_attributes(), record))


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
        put = [one for one in settled if one.state is not None]
        _PUT.run(cursor, [_row(one, now) for one in put])
        _wake(cursor, party, [one for one in put if one.state is not DeliveryState.WAITING], now)
        told = [receipt for one in put if (receipt := _receipt(one, vault, now)) is not None]
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


def counts(connection: Connection) -> dict[str, int]:
    """Messages that did not arrive at the first try, by state, over all endpoints."""
    found = connection.execute(
        "SELECT state, count(*) FROM webhook_exceptions WHERE state <> 'DELIVERED_LATE' GROUP BY state"
    )
    return {state: int(count) for state, count in found}


def _waiting(
    connection: Connection,
    party: PartyAddress,
    column: LiteralString,
    now: datetime,
    limit: int,
    without: Collection[int],
) -> list[Delivery]:
    query: LiteralString = (
        f"SELECT {_DELIVERY} FROM webhook_exceptions"
        f" WHERE recipient = %s AND state = 'WAITING' AND {column} <= %s AND sequence <> ALL(%s)"
        f" ORDER BY {column}, sequence LIMIT %s"
    )
    with connection.cursor(binary=True, row_factory=class_row(Delivery)) as cursor:
        return cursor.execute(query, (party, now, list(without), limit)).fetchall()


def _roots(connection: Connection, keys: Collection[str]) -> dict[str, str]:
    found = connection.execute(
        "WITH RECURSIVE led AS ("
        "  SELECT key, merged_into FROM cases WHERE key = ANY(%s) AND merged_into IS NOT NULL"
        "  UNION ALL SELECT led.key, cases.merged_into FROM led JOIN cases ON cases.key = led.merged_into"
        "  WHERE cases.merged_into IS NOT NULL"
        ") SELECT led.key, root.key FROM led JOIN cases AS root ON root.key = led.merged_into"
        " WHERE root.merged_into IS NULL",
        (list(keys),),
    )
    return dict(found.fetchall())


def _row(one: Settled, now: datetime) -> tuple[Any, ...]:
    assert one.state is not None
    given = {field.name: getattr(one.delivery, field.name) for field in fields(Delivery)}
    given |= {
        "state": one.state.value,
        "next_attempt_at": one.next_attempt_at,
        "last_attempt_at": now if one.attempted else None,
        "last_status": one.status,
        "told": _outcome(one) or one.delivery.told,
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


def _outcome(one: Settled) -> str | None:
    """What the sender is told of it; that a message arrived only where it heard otherwise before."""
    if one.state is DeliveryState.DELIVERED_LATE and one.delivery.told is None:
        return None
    return _TOLD.get(cast(DeliveryState, one.state))


def _receipt(one: Settled, vault: CaseVault, now: datetime) -> outgoing.Outgoing | None:
    delivery, outcome = one.delivery, _outcome(one)
    if outcome is None or delivery.source == outgoing.GATEWAY:
        return None
    record = {
        "message_id": delivery.message_id,
        "recipient": delivery.recipient,
        "outcome": outcome,
        "reason": None if outcome == "ACKNOWLEDGED" else one.status,
    }
    place = f"webhook|{delivery.recipient}|{delivery.sequence}|{delivery.round}"
    return outgoing.delivery_receipt(place, delivery.source, record, vault, now)


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
