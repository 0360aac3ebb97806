"""P6 on a real ledger: tasks rebuilt from its facts into an empty copy, and compared case by case.

The ledger is only read. Each case is decided as of its last decision, so what is stored must come out again;
a task that is stored WITHDRAWN must not. The copy has a database of its own.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final

import orjson
import psycopg
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from schemas.identifiers import CaseKey, TaskId
from streams.ledger.case_stream import ALL, StreamedCase, reading_at, snapshot, stored_cases
from streams.ledger.cases import StoredTask
from streams.ledger.deciding import Rulebook
from streams.ledger.migrate import migrate
from streams.ledger.sealing import Seal
from streams.ledger.writing import write_tasks
from streams.rules.decide import tasks_at
from streams.rules.model import Task

_PAGE: Final = 500
_FIELDS: Final = tuple(field.name for field in fields(Task))
_COLUMNS: Final = SQL(", ").join(Identifier("t", name) for name in _FIELDS)
_REBUILT: Final = SQL(
    'SELECT t.case_key, {} FROM tasks t ORDER BY t.case_key COLLATE "C", t.task_id COLLATE "C"'
).format(_COLUMNS)
_STORED: Final = SQL(
    "SELECT t.case_key, {} FROM tasks t JOIN cases c ON c.key = t.case_key"
    " JOIN keyring.case_keys k ON k.case_key = t.case_key"
    " WHERE t.state <> 'WITHDRAWN' AND c.stuck_at IS NULL AND k.wrapped IS NOT NULL"
    ' ORDER BY t.case_key COLLATE "C", t.task_id COLLATE "C"'
).format(_COLUMNS)

Row = dict[str, Any]
CaseTasks = dict[TaskId, Row]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first one that was found. `field` is None where only one side has the task (the other is null)."""

    case: CaseKey
    task_id: TaskId
    kind: str
    field: str | None
    stored: Any
    rebuilt: Any


@dataclass(slots=True)
class Replayed:
    """What was compared. Stuck cases and those whose key was destroyed cannot be, and are only counted.

    `other_rules`: cases that were last decided by other rules or code lists than those in force.
    """

    cases: int = 0
    tasks: int = 0
    stuck: int = 0
    erased: int = 0
    other_rules: int = 0
    different: int = 0
    first: Difference | None = None


def replay(
    database_url: str, copy_url: str, wrapping: Seal, rulebook: Rulebook, advance: Callable[[int, int], None]
) -> Replayed:
    """Rebuild all tasks in the empty database `copy_url`, and compare. `advance(done, all)` is told of cases.

    Raises:
        CannotOpen: the wrapping key is not that of this ledger. psycopg.Error, sqlalchemy.exc.SQLAlchemyError
    """
    migrate(copy_url)
    found = Replayed()
    with (
        snapshot(database_url) as view,
        reading_at(database_url, view) as ledger,
        psycopg.connect(copy_url, application_name="overgang", autocommit=True) as copy,
    ):
        cases = stored_cases(ledger, wrapping, ALL)
        done = 0
        while page := list(islice(cases, _PAGE)):
            _rebuild(copy, page, rulebook, found)
            done += len(page)
            advance(done, view.cases)
        _compare(_by_case(ledger, _STORED), _by_case(copy, _REBUILT), found)
    return found


def _rebuild(
    copy: Connection[Any], page: Iterable[StreamedCase], rulebook: Rulebook, found: Replayed
) -> None:
    rebuilt: list[tuple[CaseKey, StoredTask]] = []
    for case in page:
        if case.stuck:
            found.stuck += 1
        elif case.facts is None:
            found.erased += 1
        elif case.decided_at is not None:
            found.cases += 1
            found.other_rules += case.rules_digest != rulebook.digest
            tasks, _ = tasks_at(case.facts, rulebook.book, rulebook.lists, case.decided_at)
            rebuilt += [(case.key, StoredTask(task, 1, withdrawn=False)) for task in tasks]
    found.tasks += len(rebuilt)
    with copy.transaction(), copy.cursor(binary=True) as cursor:
        write_tasks(cursor, rebuilt, datetime.now(UTC))


def _by_case(connection: Connection[Any], query: Any) -> Iterator[tuple[CaseKey, CaseTasks]]:
    with (
        connection.transaction(),
        connection.cursor("tasks_by_case", binary=True, row_factory=dict_row) as rows,
    ):
        rows.itersize = 10 * _PAGE
        rows.execute(query)
        for key, tasks in groupby(rows, itemgetter("case_key")):
            yield key, {row["task_id"]: {name: row[name] for name in _FIELDS} for row in tasks}


def _compare(
    stored: Iterator[tuple[CaseKey, CaseTasks]], rebuilt: Iterator[tuple[CaseKey, CaseTasks]], found: Replayed
) -> None:
    """Walk along both in the order of the keys; a case without tasks is on neither side."""
    was, now = next(stored, None), next(rebuilt, None)
    while was is not None or now is not None:
        key = min(side[0] for side in (was, now) if side is not None)
        old = was[1] if was is not None and was[0] == key else {}
        new = now[1] if now is not None and now[0] == key else {}
        if _digest(old) != _digest(new):
            found.different += 1
            found.first = found.first or _difference(key, old, new)
        if was is not None and was[0] == key:
            was = next(stored, None)
        if now is not None and now[0] == key:
            now = next(rebuilt, None)


def _digest(tasks: CaseTasks) -> bytes:
    return sha256(orjson.dumps(tasks, option=orjson.OPT_SORT_KEYS)).digest()


def _difference(case: CaseKey, old: CaseTasks, new: CaseTasks) -> Difference:
    for task_id in sorted(old | new):
        was, now = old.get(task_id), new.get(task_id)
        if was is None or now is None:
            known = was or now or {}
            return Difference(case, task_id, known["kind"], None, was and was["state"], now and now["state"])
        for name in _FIELDS:
            if was[name] != now[name]:
                return Difference(case, task_id, was["kind"], name, was[name], now[name])
    raise AssertionError("unreachable: the digests of these tasks differ")
