"""After a change of rules, code lists or routes: cases that older ones decided are decided again.

A case's row holds the digest of what it was decided by. Whoever finds another there decides the case anew, so
this can be stopped anywhere, goes on where it was, and may run in several places at once.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, cast

from psycopg import Cursor

from schemas.identifiers import CaseKey, PartyAddress
from streams.ledger.apply import Remembered, Room, decide_locked
from streams.ledger.cases import Case, StoredTask, load, outdated
from streams.ledger.deciding import Deciding


class Change(StrEnum):
    """What becomes of a task: it appears, its ground is gone, or its recipient is told of a new revision."""

    NEW = "NEW"
    GONE = "GONE"
    CHANGED = "CHANGED"


class ChangedTasks(NamedTuple):
    """Tasks that change in the same way; `recipient` is None for unrouted ones."""

    change: Change
    kind: str
    recipient: PartyAddress | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What deciding some cases again would do. `last` is the key of the last one, None where there was none.

    `messages` would be sent; `stuck` cases would fail.
    """

    cases: int
    tasks: Counter[ChangedTasks]
    messages: int
    stuck: int
    last: CaseKey | None


def count(cursor: Cursor[Any], digest: str) -> int:
    """How many cases were not decided by the rules of this digest."""
    cursor.execute(
        "SELECT count(*) FROM cases WHERE rules_digest IS DISTINCT FROM %s AND merged_into IS NULL", (digest,)
    )
    return int(cast(tuple[int], cursor.fetchone())[0])


def redecide(
    cursor: Cursor[Any], room: Room, now: datetime, limit: int, after: str
) -> tuple[list[CaseKey], Remembered]:
    """Decide at most `limit` outdated cases beyond the key `after`; return their keys in order."""
    locked = outdated(cursor, room.rulebook.digest, after, limit, lock=True)
    return [case.key for case in locked], decide_locked(cursor, room, locked, now)


def preview(cursor: Cursor[Any], room: Room, now: datetime, limit: int, after: str) -> Preview:
    """What `redecide` would do, from one snapshot; locks nothing, and the transaction ends undone."""
    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    found = outdated(cursor, room.rulebook.digest, after, limit, lock=False)
    seals = room.vault.seals(cursor, (case.key for case in found))
    deciding = Deciding(room.rulebook, now)
    cases = load(cursor, found, seals, room.cache)
    for key, case in cases.items():
        deciding.decide(case, {}, seals[key])
    cursor.connection.rollback()
    return Preview(
        cases=len(found),
        tasks=Counter(_changed(cases, deciding)),
        messages=len(deciding.outgoing),
        stuck=len(deciding.stuck),
        last=found[-1].key if found else None,
    )


def _changed(cases: dict[CaseKey, Case], deciding: Deciding) -> Iterator[ChangedTasks]:
    for key, new in deciding.tasks:
        change = _change(new, cases[key].tasks.get(new.task.task_id))
        yield ChangedTasks(change, new.task.kind, new.task.recipient)


def _change(new: StoredTask, old: StoredTask | None) -> Change:
    if new.withdrawn:
        return Change.GONE
    return Change.NEW if old is None or old.withdrawn else Change.CHANGED
