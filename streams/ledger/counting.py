"""What stands in the ledger as numbers, for metrics. Cheap at any size: partial indexes and small tables.

One look is one read-only transaction, so that its numbers agree with each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection, IsolationLevel

from schemas.identifiers import Flow

_TIMING: LiteralString = (
    "CASE WHEN tasks.state = 'DONE' THEN"
    "  CASE WHEN (facts.time AT TIME ZONE 'Europe/Copenhagen')::date <= due_on THEN 'in_time' ELSE 'late' END"
    " WHEN tasks.state = 'OVERDUE' THEN 'overdue' ELSE 'waiting' END"
)
_OF: LiteralString = (
    " FROM tasks LEFT JOIN facts ON facts.case_key = tasks.case_key AND facts.id = tasks.closed_by"
    " WHERE tasks.state IN ('OPEN', 'OVERDUE', 'DONE') AND opens_on > current_date - %s"
    " AND opens_on <= current_date"
)
_WEBHOOKS: LiteralString = (
    "SELECT least("
    "  (SELECT min(following.written_at) FROM webhooks CROSS JOIN LATERAL ("
    "    SELECT written_at FROM outbound WHERE recipient = party AND sequence > cursor"
    "    ORDER BY sequence LIMIT 1) AS following WHERE activated_at IS NOT NULL),"
    "  (SELECT min(written_at) FROM webhook_exceptions JOIN outbound USING (recipient, sequence)"
    "   WHERE webhook_exceptions.state = 'WAITING'))"
)
_MAILBOXES: LiteralString = (
    "SELECT min(following.written_at) FROM mailboxes CROSS JOIN LATERAL ("
    "  SELECT written_at FROM outbound LEFT JOIN keyring.case_keys USING (case_key)"
    "  WHERE recipient = party AND sequence > acknowledged"
    "  AND NOT (case_keys.case_key IS NOT NULL AND wrapped IS NULL)"
    "  ORDER BY sequence LIMIT 1) AS following"
)
Row = tuple[Any, ...]
Rows = list[Row]


@dataclass(frozen=True, slots=True)
class Counted:
    """The ledger at one instant. Times are ages in seconds, 0 where nothing waits.

    `inputs`: accepted and duplicates by flow. `quarantined`: by flow and class. `tasks`: open and overdue by
    recipient, kind, state. `contacts`, `eu_notices`: duties of the last days by recipient and what became of
    them; `eu_registrations` whether registered late; `contact_days`: days of each that is done.
    `positions`: next offset by topic and partition.
    """

    inputs: dict[Flow, tuple[int, int]]
    quarantined: Rows
    tasks: Rows
    contacts: Rows
    contact_days: tuple[int, ...]
    eu_notices: Rows
    eu_registrations: Rows
    waiting: int
    undeliverable: int
    delivered: dict[str, int]
    oldest: dict[str, float]
    exceptions: dict[str, int]
    stuck: int
    stopped: frozenset[str]
    positions: dict[tuple[str, int], int]


def count(connection: Connection, flow_of: dict[str, Flow], days: int) -> Counted:
    """Look once. `flow_of` maps full topic names to flows, `days` is how far back duties are counted.

    The connection must be in no transaction. Raises psycopg.Error.
    """
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        return _count(connection, flow_of, days)


def _count(connection: Connection, flow_of: dict[str, Flow], days: int) -> Counted:
    def rows(query: LiteralString, *values: object) -> Rows:
        return connection.execute(query, values or None).fetchall()

    def one(query: LiteralString) -> Any:
        return rows(query)[0][0]

    waiting, undeliverable = (
        int(one("SELECT count(*) FROM outbound WHERE published_at IS NULL AND undeliverable_at IS NULL")),
        int(one("SELECT count(*) FROM outbound WHERE undeliverable_at IS NOT NULL")),
    )
    numberless = int(one("SELECT count(*) FROM outbound WHERE sequence IS NULL"))
    numbered = int(one("SELECT coalesce(sum(last_sequence), 0) FROM cursors"))
    duties: LiteralString = f"SELECT recipient, {_TIMING}, count(*){_OF}"
    return Counted(
        inputs=_inputs(
            rows("SELECT topic, sum(accepted), sum(duplicates) FROM positions GROUP BY topic"), flow_of
        ),
        quarantined=rows("SELECT flow, error_class, count(*) FROM quarantine GROUP BY flow, error_class"),
        tasks=rows(
            "SELECT recipient, kind, state, count(*) FROM tasks WHERE state IN ('OPEN', 'OVERDUE')"
            " GROUP BY recipient, kind, state"
        ),
        contacts=rows(duties + " AND kind = 'CONTACT_YOUNG_PERSON' GROUP BY 1, 2", days),
        contact_days=tuple(
            int(row[0])
            for row in rows(
                "SELECT greatest(0, (facts.time AT TIME ZONE 'Europe/Copenhagen')::date - opens_on)"
                + _OF
                + " AND kind = 'CONTACT_YOUNG_PERSON' AND tasks.state = 'DONE' AND facts.time IS NOT NULL"
                " ORDER BY 1",
                days,
            )
        ),
        eu_notices=rows(duties + " AND kind = 'SEND_U009' GROUP BY 1, 2", days),
        eu_registrations=rows(
            "SELECT CASE WHEN tasks.warnings ? 'REGISTERED_LATE' THEN 'late' ELSE 'in_time' END, count(*)"
            " FROM tasks WHERE kind = 'SEND_U009' AND state <> 'WITHDRAWN'"
            " AND opens_on > current_date - %s AND opens_on <= current_date GROUP BY 1",
            days,
        ),
        waiting=waiting,
        undeliverable=undeliverable,
        delivered={
            "topic": numbered - (waiting - numberless) - undeliverable,
            "mailbox": int(one("SELECT coalesce(sum(acknowledged), 0) FROM mailboxes")),
        },
        oldest={
            "topic": _age(
                connection,
                "SELECT written_at FROM outbound"
                " WHERE published_at IS NULL AND undeliverable_at IS NULL ORDER BY n LIMIT 1",
            ),
            "mailbox": _age(connection, _MAILBOXES),
            "webhook": _age(connection, _WEBHOOKS),
        },
        exceptions=dict(
            rows(
                "SELECT state, count(*) FROM webhook_exceptions"
                " WHERE state <> 'DELIVERED_LATE' GROUP BY state"
            )
        ),
        stuck=int(one("SELECT count(*) FROM cases WHERE stuck_at IS NOT NULL")),
        stopped=frozenset(flow for (flow,) in rows("SELECT flow FROM flows WHERE stopped_at IS NOT NULL")),
        positions={
            (topic, partition): next_
            for topic, partition, next_ in rows(
                "SELECT DISTINCT ON (topic, partition) topic, partition, next FROM positions"
                " ORDER BY topic, partition, read_since DESC"
            )
        },
    )


def _inputs(found: Iterable[Row], flow_of: dict[str, Flow]) -> dict[Flow, tuple[int, int]]:
    return {
        flow_of[topic]: (int(accepted), int(again)) for topic, accepted, again in found if topic in flow_of
    }


def _age(connection: Connection, query: LiteralString) -> float:
    row = connection.execute(
        "SELECT extract(epoch FROM clock_timestamp() - (" + query + "))::float8"
    ).fetchone()
    return max(0.0, row[0]) if row and row[0] is not None else 0.0
