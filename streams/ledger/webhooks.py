"""What the deliverer of webhooks reads: its endpoints, what to post next, and what waits (`webhook_settling`
writes what came of it). All of it on the one connection that holds its endpoints.

Of each endpoint there is a cursor, up to which everything arrived or has a row in `webhook_exceptions`.
Numbers of a recipient become visible in order (the relay gives them, one statement at a time), so none is
ever passed over. Of the waiting messages of a case only the first has a `next_attempt_at`: whoever settles
it wakes the next.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import LiteralString

import orjson
from psycopg import Connection
from psycopg.rows import class_row, dict_row

from schemas.cloudevent import to_structured
from schemas.identifiers import PartyAddress
from schemas.wire import decode
from streams.ledger.case_keys import CaseErased, CaseVault
from streams.ledger.outbound import OutboundRow
from streams.webhooks import Delivery, Endpoint, EndpointState

_CLAIMS = 7_301_003
_DELIVERY: LiteralString = (
    "recipient, sequence, source, message_id, order_key, expires_at, attempts, round, told, true AS kept"
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


def body(
    connection: Connection, vault: CaseVault, party: PartyAddress, sequence: int
) -> tuple[dict[str, str], bytes]:
    """The message's attributes, and all of it as structured JSON. Raises CaseErased, CannotOpen."""
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
    attributes = row.event_attributes()
    return attributes, orjson.dumps(to_structured(attributes, record))


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
