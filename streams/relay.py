"""Publishes outbound rows: numbered per recipient, in order, marked only when the broker has acknowledged
them.

One relay at a time leads. A crash between the broker's acknowledgement and the mark repeats rows with the
same id and sequence; a leader that lost its connection can only repeat, since it can no longer number or
mark. A recipient whose topic fails waits with all its rows and is tried again, the others go on. A row that
can never be published (too large, its case erased) is marked UNDELIVERABLE for the operator and leaves a
visible gap in that topic's sequence: the other channels carry the same numbers, so none is given twice.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import structlog
from mode import Service

from schemas.identifiers import PartyAddress
from schemas.outbound import DELIVERY_RECEIPT_TYPE, RECEIPT_TYPE, TASK_TYPE
from streams.failures import Outcome, database_trouble, fault_name, outcome_of
from streams.health import Health
from streams.leadership import leadership
from streams.ledger import outbound
from streams.metrics import Metrics
from streams.publisher import Publisher, Results

log = structlog.get_logger(__name__)

WINDOW = 5_000
NUMBERED_AT_ONCE = 50_000
_ACKNOWLEDGE = 1.0
"""Seconds to wait for a window's acknowledgements before the other recipients' rows go on."""
_LISTEN = 0.5
_TOPIC = 0.1
"""Seconds between looks whether a topic has been made."""
_COUNT_EVERY = 5.0
_AGAIN = 2.0
"""Seconds after which the lead is sought anew when database, producer or our own code failed."""
_LONGEST_WAIT = 60.0
_JOIN = 5.0
_SORT = {TASK_TYPE: "task", RECEIPT_TYPE: "receipt", DELIVERY_RECEIPT_TYPE: "receipt"}


@dataclass(slots=True)
class _Wait:
    """A refused recipient: its next try, on the monotonic clock, and how long the wait before it was."""

    until: float
    pause: float


class Relay(Service):  # type: ignore[misc] # mode has no types
    """A thread that leads or waits for the lead. `new_publisher` gives each lead a producer of its own."""

    def __init__(
        self, *, database_url: str, new_publisher: Callable[[], Publisher], health: Health, metrics: Metrics
    ) -> None:
        super().__init__()
        self._database_url = database_url
        self._new_publisher = new_publisher
        self._health = health
        self._metrics = metrics
        self._stopping = threading.Event()
        self._waits: dict[PartyAddress, _Wait] = {}
        self._next_count = 0.0
        # A daemon: the database may block for longer than a stop may take, and nothing is lost with it.
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    async def on_start(self) -> None:
        self._thread.start()

    async def on_stop(self) -> None:
        self._stopping.set()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, _JOIN)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with leadership(
                    self._database_url, self._stopping, lambda: self._health.alive("relay")
                ) as connection:
                    if connection is not None:
                        self._lead(connection)
            except Exception as error:  # noqa: BLE001 a relay that fails is unready and tries again
                away = outcome_of(error) is Outcome.RETRY
                reason = " ".join(database_trouble(error)) if away else fault_name(error)
                log.error("relay failed, trying again", reason=reason)
                self._health.trouble("relay", reason)
                self._stopping.wait(_AGAIN)

    def _lead(self, connection: psycopg.Connection) -> None:
        log.info("relay leads")
        publisher = self._new_publisher()
        self._metrics.relay_leader.set(1)
        try:
            connection.execute("LISTEN outbound")
            while not self._stopping.is_set():
                if not self._publish(connection, publisher):
                    # Returns early when a row was written meanwhile.
                    patience = _TOPIC if publisher.busy() else _LISTEN
                    list(connection.notifies(timeout=patience, stop_after=1))
                self._health.alive("relay")
        finally:
            self._metrics.relay_leader.set(0)
            self._metrics.outbound_unpublished.set(0)
            publisher.close()

    def _publish(self, connection: psycopg.Connection, publisher: Publisher) -> bool:
        """Number what is new, send one window and mark what came of it; return whether to go on at once.

        No step waits for the broker longer than `_ACKNOWLEDGE`: mailboxes and webhooks live by the numbers.
        """
        numbered = outbound.number(connection, NUMBERED_AT_ONCE)
        rows = outbound.window(connection, WINDOW, self._waiting() | publisher.busy())
        publisher.send(rows)
        if rows or publisher.busy():
            self._mark(connection, publisher.collect(_ACKNOWLEDGE))
        if time.monotonic() >= self._next_count:
            self._metrics.outbound_unpublished.set(outbound.count_unpublished(connection))
            self._next_count = time.monotonic() + _COUNT_EVERY
        return bool(numbered or rows or publisher.on_their_way())

    def _mark(self, connection: psycopg.Connection, results: Results) -> None:
        if results.published:
            marked = outbound.mark_published(connection, results.published)
            self._metrics.relay_published.inc(len(marked))
            for type_, seconds in marked:
                self._metrics.published.labels(_SORT.get(type_, "forward")).observe(max(0.0, seconds))
        if results.undeliverable:
            log.error("undeliverable", rows=results.undeliverable)
            outbound.mark_undeliverable(connection, results.undeliverable)
        now = time.monotonic()
        for recipient, reason in results.refused.items():
            before = self._waits.get(recipient)
            pause = min(2 * before.pause, _LONGEST_WAIT) if before else 1.0
            self._waits[recipient] = _Wait(now + pause, pause)
            log.warning("recipient refused, trying again", recipient=recipient, reason=reason, seconds=pause)

    def _waiting(self) -> set[PartyAddress]:
        """Refused recipients whose time has not come; one that stays well for long is forgotten."""
        now = time.monotonic()
        self._waits = {r: wait for r, wait in self._waits.items() if now < wait.until + _LONGEST_WAIT}
        return {recipient for recipient, wait in self._waits.items() if now < wait.until}
