"""Rows of facts, tasks and cases as a transaction leaves them: one statement a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg import Cursor

from schemas.identifiers import CaseKey
from streams.ledger.bulk import BulkInsert
from streams.ledger.cases import StoredFact, StoredTask

_FACTS = BulkInsert(
    "facts",
    {
        "case_key": "text",
        "source": "text",
        "id": "text",
        "flow": "text",
        "time": "timestamptz",
        "attributes": "jsonb",
        "payload": "bytea",
        "forwarded_to": "jsonb",
        "warnings": "jsonb",
    },
    tail="ON CONFLICT (case_key, source, id) DO UPDATE"
    " SET forwarded_to = excluded.forwarded_to, warnings = excluded.warnings",
)
_TASK_COLUMNS = {
    "task_id": "text",
    "case_key": "text",
    "revision": "integer",
    "kind": "text",
    "recipient": "text",
    "subject": "text",
    "state": "text",
    "mandatory": "boolean",
    "opens_on": "date",
    "due_on": "date",
    "rule": "text",
    "rule_set": "text",
    "legal_basis": "text",
    "warnings": "jsonb",
    "caused_by": "jsonb",
    "closed_by": "text",
    "explanation": "text",
    "enrolment_id": "text",
    "eu_case_id": "text",
    "decided_at": "timestamptz",
}
_TASKS = BulkInsert(
    "tasks",
    _TASK_COLUMNS,
    tail="ON CONFLICT (task_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _TASK_COLUMNS if name != "task_id"),
)
_REVISION_COLUMNS = (
    "task_id",
    "revision",
    "kind",
    "recipient",
    "state",
    "due_on",
    "closed_by",
    "explanation",
    "decided_at",
)
_REVISIONS = BulkInsert("task_revisions", {name: _TASK_COLUMNS[name] for name in _REVISION_COLUMNS})


@dataclass(frozen=True, slots=True)
class DecidedCase:
    """The row of a case after a decision; `stuck_because` where deciding failed."""

    key: CaseKey
    next_change: datetime | None
    stuck_because: str | None


def write_facts(cursor: Cursor[Any], facts: Iterable[tuple[CaseKey, StoredFact]]) -> None:
    """Insert new facts; of known ones store whom they went to and their warnings."""
    rows = [
        (
            key,
            *stored.ref,
            stored.flow,
            stored.fact.time,
            orjson.dumps(stored.attributes).decode(),
            stored.sealed,
            orjson.dumps(sorted(stored.forwarded_to)).decode(),
            orjson.dumps(stored.warnings).decode(),
        )
        for key, stored in facts
    ]
    _FACTS.run(cursor, rows)


def write_tasks(cursor: Cursor[Any], tasks: Iterable[tuple[CaseKey, StoredTask]], now: datetime) -> None:
    """Store the current revision of each task, and every revision in its history."""
    rows = [_task_row(key, stored, now) for key, stored in tasks]
    _TASKS.run(cursor, rows)
    places = [list(_TASK_COLUMNS).index(name) for name in _REVISION_COLUMNS]
    _REVISIONS.run(cursor, [tuple(row[place] for place in places) for row in rows])


def write_cases(cursor: Cursor[Any], cases: Sequence[DecidedCase], digest: str, now: datetime) -> None:
    """Store when each case changes next; a new version tells other workers that their copies are old."""
    if not cases:
        return
    cursor.execute(
        "UPDATE cases SET version = version + 1, decided_at = greatest(decided_at, %(now)s),"
        " rules_digest = %(digest)s,"
        " next_change = decided.next_change, stuck_because = decided.stuck_because,"
        " stuck_at = CASE WHEN decided.stuck_because IS NULL THEN NULL ELSE coalesce(stuck_at, %(now)s) END"
        " FROM unnest(%(keys)b::text[], %(next)b::timestamptz[], %(stuck)b::text[])"
        " AS decided(key, next_change, stuck_because) WHERE cases.key = decided.key",
        {
            "now": now,
            "digest": digest,
            "keys": [case.key for case in cases],
            "next": [case.next_change for case in cases],
            "stuck": [case.stuck_because for case in cases],
        },
    )


def _task_row(key: CaseKey, stored: StoredTask, now: datetime) -> tuple[Any, ...]:
    task = stored.task
    return (
        task.task_id,
        key,
        stored.revision,
        task.kind,
        task.recipient,
        task.subject,
        "WITHDRAWN" if stored.withdrawn else task.state.value,
        task.mandatory,
        task.opens_on,
        task.due_on,
        task.rule,
        task.rule_set,
        task.legal_basis,
        orjson.dumps(task.warnings).decode(),
        orjson.dumps(task.caused_by).decode(),
        task.closed_by,
        task.explanation,
        task.enrolment_id,
        task.eu_case_id,
        now,
    )
