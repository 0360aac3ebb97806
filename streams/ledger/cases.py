"""A case as it is stored: its facts and tasks, locked for one transaction, kept in memory between them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import dict_row

from schemas.identifiers import CaseKey, Flow, MessageId, PartyAddress, Pseudonym, TaskId
from schemas.message import Envelope, Message, Record
from schemas.wire import decode
from streams.facts import Fact, fact_of
from streams.ledger.sealing import Seal
from streams.rules.model import MessageRef, Task, TaskState


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A fact with what is needed to forward its message: the sealed Avro value and whom it went to.

    `warnings` are those that rules give the message now (the content's own stand in the inbox).
    """

    fact: Fact
    flow: Flow
    attributes: Mapping[str, str]
    sealed: bytes
    citizen: Record | None
    forwarded_to: frozenset[PartyAddress] = frozenset()
    warnings: tuple[str, ...] = ()

    @property
    def ref(self) -> MessageRef:
        return MessageRef(self.fact.source, self.fact.id)


@dataclass(frozen=True, slots=True)
class StoredTask:
    """The last revision of a task that was told to its recipient; `withdrawn` where its ground is gone."""

    task: Task
    revision: int
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Case:
    """All that is stored of one case at `version`."""

    key: CaseKey
    version: int
    decided_at: datetime | None = None
    stuck: bool = False
    merged_into: CaseKey | None = None
    facts: Mapping[MessageRef, StoredFact] = field(default_factory=dict)
    tasks: Mapping[TaskId, StoredTask] = field(default_factory=dict)

    def record_of(self, fact: StoredFact, seal: Seal) -> Record:
        """The data of a stored message, opened and decoded."""
        return decode(seal.open(fact.sealed, self.key.encode()))[1]


class CaseCache:
    """Cases by key as they were after this process's last commit; at most `facts_kept` facts in all.

    What is found here holds only if its version still is the stored one under the row's lock: another worker
    may have changed the case since. Safe to share between threads.
    """

    def __init__(self, facts_kept: int = 100_000) -> None:
        self._room = facts_kept
        self._held = 0
        self._cases: dict[CaseKey, Case] = {}
        self._lock = Lock()

    def get(self, key: CaseKey, version: int) -> Case | None:
        case = self._cases.get(key)
        return case if case is not None and case.version == version else None

    def keep(self, cases: Iterable[Case]) -> None:
        """Remember cases whose changes are committed; the oldest make room."""
        with self._lock:
            for case in cases:
                self._drop(case.key)
                self._cases[case.key] = case
                self._held += len(case.facts)
            while self._held > self._room:
                self._drop(next(iter(self._cases)))

    def _drop(self, key: CaseKey) -> None:
        gone = self._cases.pop(key, None)
        self._held -= len(gone.facts) if gone else 0


def lock(cursor: Cursor[Any], keys: Iterable[CaseKey]) -> list[Case]:
    """Make the rows that are missing and lock all, both in the order of the keys (any other order deadlocks).

    The cases come without their facts and tasks: see `load`.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return []
    cursor.execute(
        "INSERT INTO cases (key) SELECT * FROM unnest(%b::text[]) AS k ORDER BY k ON CONFLICT DO NOTHING",
        (wanted,),
    )
    cursor.execute(
        "SELECT key, version, decided_at, stuck_at IS NOT NULL, merged_into FROM cases WHERE key = ANY(%b)"
        " ORDER BY key FOR UPDATE",
        (wanted,),
    )
    return [Case(*row) for row in cursor.fetchall()]


def lock_due(cursor: Cursor[Any], now: datetime, limit: int) -> list[Case]:
    """Lock cases whose next change has come, oldest first; those that somebody else holds are left."""
    cursor.execute(
        "SELECT key, version, decided_at, stuck_at IS NOT NULL, merged_into FROM cases WHERE key IN"
        " (SELECT key FROM cases WHERE next_change <= %(now)s ORDER BY next_change LIMIT %(limit)s)"
        " AND next_change <= %(now)s ORDER BY key FOR UPDATE SKIP LOCKED",
        {"now": now, "limit": limit},
    )
    return [Case(*row) for row in cursor.fetchall()]


def outdated(cursor: Cursor[Any], digest: str, after: str, limit: int, *, lock: bool) -> list[Case]:
    """Cases not decided by the rules of this digest, in the order of their keys, from beyond the key `after`.

    `lock`: for changing them; those that somebody else holds are left.
    """
    query: LiteralString = (
        "SELECT key, version, decided_at, stuck_at IS NOT NULL, merged_into FROM cases"
        " WHERE key > %(after)s AND rules_digest IS DISTINCT FROM %(digest)s AND merged_into IS NULL"
        " ORDER BY key LIMIT %(limit)s"
    )
    values = {"after": after, "digest": digest, "limit": limit}
    cursor.execute(query + " FOR UPDATE SKIP LOCKED" if lock else query, values)
    return [Case(*row) for row in cursor.fetchall()]


def load(
    cursor: Cursor[Any], locked: Sequence[Case], seals: Mapping[str, Seal], cache: CaseCache
) -> dict[CaseKey, Case]:
    """The locked cases with their facts and tasks, from the cache where it still holds."""
    cases = {case.key: cache.get(case.key, case.version) or case for case in locked}
    missing = [key for key, case in cases.items() if not case.facts and case.version > 0]
    if missing:
        facts = _facts(cursor, missing, seals)
        tasks = _tasks(cursor, missing)
        for key in missing:
            row = cases[key]
            cases[key] = replace(row, facts=facts.get(key, {}), tasks=tasks.get(key, {}))
    return cases


def stored_fact(message: Message, sealed: bytes, attributes: Mapping[str, str]) -> StoredFact:
    """The fact of a message that was just accepted or read back."""
    return StoredFact(
        fact=fact_of(message),
        flow=message.envelope.flow,
        attributes=attributes,
        sealed=sealed,
        citizen=message.data.get("citizen"),
    )


def _facts(
    cursor: Cursor[Any], keys: list[CaseKey], seals: Mapping[str, Seal]
) -> dict[CaseKey, dict[MessageRef, StoredFact]]:
    cursor.execute(
        "SELECT case_key, source, id, flow, time, attributes, payload, forwarded_to, warnings"
        " FROM facts WHERE case_key = ANY(%b)",
        (keys,),
    )
    found: dict[CaseKey, dict[MessageRef, StoredFact]] = {}
    for key, source, id_, flow, time, attributes, payload, forwarded_to, warnings in cursor.fetchall():
        message = stored_message(key, source, id_, flow, time, attributes, payload, seals[key])
        found.setdefault(key, {})[MessageRef(source, id_)] = StoredFact(
            fact=fact_of(message),
            flow=flow,
            attributes=attributes,
            sealed=payload,
            citizen=message.data.get("citizen"),
            forwarded_to=frozenset(forwarded_to),
            warnings=tuple(warnings),
        )
    return found


def stored_message(
    key: CaseKey,
    source: PartyAddress,
    id_: MessageId,
    flow: Flow,
    time: datetime,
    attributes: Mapping[str, str],
    payload: bytes,
    seal: Seal,
) -> Message:
    """A message of a case, from the columns of its row in `facts`. Raises CannotOpen."""
    return Message(
        Envelope(id=id_, source=source, flow=flow, time=time),
        decode(seal.open(payload, key.encode()))[1],
        _pseudonym(attributes.get("subject")),
        CaseKey(attributes.get("case", key)),
        assigned=_case_key(attributes.get("assigned")),
        merged=_pair(attributes.get("merged")),
    )


def _pseudonym(text: str | None) -> Pseudonym | None:
    return None if text is None else Pseudonym(text)


def _case_key(text: str | None) -> CaseKey | None:
    return None if text is None else CaseKey(text)


def _pair(merged: str | None) -> tuple[Pseudonym, Pseudonym] | None:
    if merged is None:
        return None
    old, new = merged.split()
    return Pseudonym(old), Pseudonym(new)


def _tasks(cursor: Cursor[Any], keys: list[CaseKey]) -> dict[CaseKey, dict[TaskId, StoredTask]]:
    with cursor.connection.cursor(binary=True, row_factory=dict_row) as rows:
        rows.execute("SELECT * FROM tasks WHERE case_key = ANY(%b)", (keys,))
        found: dict[CaseKey, dict[TaskId, StoredTask]] = {}
        for row in rows.fetchall():
            stored = _stored_task(row)
            found.setdefault(row["case_key"], {})[stored.task.task_id] = stored
    return found


def _stored_task(row: Mapping[str, Any]) -> StoredTask:
    withdrawn = row["state"] == "WITHDRAWN"
    values = {name: row[name] for name in Task.__slots__}
    values |= {
        "state": TaskState.CANCELLED if withdrawn else TaskState(row["state"]),
        "warnings": tuple(row["warnings"]),
        "caused_by": tuple(row["caused_by"]),
    }
    return StoredTask(Task(**values), row["revision"], withdrawn)
