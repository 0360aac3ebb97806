"""The door to state. Everything that changes it passes here, one transaction at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from psycopg import Cursor
from psycopg.errors import DeadlockDetected, SerializationFailure
from psycopg_pool import ConnectionPool

from schemas.identifiers import CaseKey, Flow
from schemas.message import Message
from schemas.problems import InvalidMessage
from schemas.pseudonym import PseudonymKey
from streams.batch import Batch
from streams.ledger import fingerprints, flows, positions, redeciding, stuck
from streams.ledger.apply import Applied, Remembered, Room, apply, decide_due
from streams.ledger.case_keys import CaseVault
from streams.ledger.cases import CaseCache
from streams.ledger.deciding import Rulebook
from streams.ledger.disk_room import disk_is_full
from streams.ledger.positions import StoredPosition
from streams.ledger.sealing import Seal
from streams.ledger.suspending import BORNE, Tolerance, count_suspended

Result = TypeVar("Result")
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Pooling:
    """How many connections, and how many seconds to wait for one before `PoolTimeout`."""

    connections: int = 6
    wait_seconds: float = 5.0


class Ledger:
    """Safe to share between threads; every call is one transaction on a connection of its own.

    Every method raises psycopg.OperationalError or psycopg_pool.PoolTimeout while the database is away.
    """

    def __init__(
        self,
        database_url: str,
        wrapping: Seal,
        rulebook: Rulebook,
        pooling: Pooling = Pooling(),
        tolerance: Tolerance = BORNE,
    ) -> None:
        self.pool: ConnectionPool = ConnectionPool(
            database_url,
            min_size=1,
            max_size=pooling.connections,
            timeout=pooling.wait_seconds,
            kwargs={"application_name": "overgang"},
            check=ConnectionPool.check_connection,
            open=False,
        )
        self.vault = CaseVault(wrapping, self.pool)
        self._room = Room(self.vault, CaseCache(), rulebook, tolerance)

    def __enter__(self) -> "Ledger":
        self.pool.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Open the connection pool; connections come when they are needed."""
        self.pool.open()

    def close(self) -> None:
        """Close every connection."""
        self.pool.close()

    def apply(self, batch: Batch, decoded: Sequence[Message | InvalidMessage], now: datetime) -> Applied:
        """Take a batch; when this returns, all of it is stored durably.

        `decoded` has one entry an input: the valid message, or why it is not one. `now` is aware.

        Raises:
            Fenced: the stored position is not where the batch starts; nothing was stored.
        """
        return self._committed(lambda cursor: apply(cursor, self._room, batch, decoded, now))

    def decide_due(self, now: datetime, limit: int) -> int:
        """Decide at most `limit` cases whose next change has come; return how many there were."""
        return self._committed(lambda cursor: decide_due(cursor, self._room, now, limit))

    def redecide(self, now: datetime, limit: int, after: str = "") -> list[CaseKey]:
        """Decide at most `limit` cases that other rules decided or none; return their keys in order.

        Those that another transaction holds are left. `after` is the last key of the call before: without
        it every call passes over all cases that are done. None left is certain where a call without it and
        `count_outdated` find none.
        """
        return self._committed(lambda cursor: redeciding.redecide(cursor, self._room, now, limit, after))

    def preview(self, now: datetime, limit: int, after: str = "") -> redeciding.Preview:
        """What `redecide` would do with at most `limit` cases beyond the key `after`; nothing is changed."""
        return self._run(lambda cursor: redeciding.preview(cursor, self._room, now, limit, after))

    def count_outdated(self) -> int:
        """How many cases were decided by other rules than this ledger's, or never."""
        return self._run(lambda cursor: redeciding.count(cursor, self._room.rulebook.digest))

    def position(self, topic: str, partition: int) -> StoredPosition | None:
        """The stored position under a topic's name, of the incarnation read last; None if never read."""
        return self._run(lambda cursor: positions.position(cursor, topic, partition))

    def move_position(self, topic: str, topic_id: UUID, partition: int, to: int) -> None:
        """Set a position by hand, as an operator decides about a re-created or truncated topic."""
        self._run(lambda cursor: positions.move(cursor, topic, topic_id, partition, to))

    def check_key(self, key: PseudonymKey) -> None:
        """Make sure that the pseudonym key is the one this ledger was begun with. Raises WrongKey."""
        self._run(lambda cursor: fingerprints.check(cursor, key))

    def stop_flow(self, flow: Flow, reason: str) -> None:
        """Mark a flow stopped. `reason` is shown to the operator and holds no content."""
        self._run(lambda cursor: flows.stop(cursor, flow, reason, datetime.now(UTC)))

    def resume_flow(self, flow: Flow) -> bool:
        """Let a flow read on; False where it was not stopped."""
        return self._run(lambda cursor: flows.resume(cursor, flow))

    def stopped_flows(self) -> dict[Flow, str]:
        """The stopped flows and why."""
        return self._run(flows.stopped)

    def count_fault(self, flow: Flow, fault: str) -> int:
        """Count one fault of ours at a flow, durably; return how many there were."""
        return self._run(lambda cursor: flows.count_fault(cursor, flow, fault))

    def retry_stuck(self) -> int:
        """Let every stuck case be decided again by the next look at the deadlines; return how many."""
        return self._run(stuck.retry)

    def count_stuck(self) -> int:
        """How many cases are stuck now."""
        return self._run(stuck.count)

    def count_suspended(self) -> int:
        """How many systems may send nothing until they are resumed."""
        return self._run(count_suspended)

    def disk_is_full(self) -> bool:
        """Whether PostgreSQL has no room left to write."""
        return self._run(lambda cursor: disk_is_full(cursor.connection))

    def _committed(self, work: Callable[[Cursor[Any]], tuple[Result, Remembered]]) -> Result:
        result, remembered = self._run(work)
        self.vault.remember(remembered.seals)
        self._room.cache.keep(remembered.cases)
        return result

    def _run(self, work: Callable[[Cursor[Any]], Result]) -> Result:
        """Run one transaction; again where the database chose it as the victim of a deadlock."""
        for tries_left in reversed(range(_TRIES)):
            try:
                with self.pool.connection() as connection, connection.cursor(binary=True) as cursor:
                    return work(cursor)
            except (DeadlockDetected, SerializationFailure):
                if not tries_left:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")
