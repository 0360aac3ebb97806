"""Counts in the ledger every few seconds, and tells it as text that a scrape only hands on.

One at a time leads, by an advisory lock on the connection that it counts on. Whoever does not lead, or has
lost the database, tells nothing: an old number must not pass for one of now.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final

import psycopg
import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.code_lists import CodeLists
from schemas.identifiers import Flow
from streams.failures import fault_name
from streams.handover import Place
from streams.leadership import COUNTING, leadership
from streams.ledger.counting import Counted, count
from streams.ledger_text import Lag, text
from streams.measurements.ledger import DAYS
from streams.topic_state import OffsetRange, TopicState

log = structlog.get_logger(__name__)

COUNT_EVERY: Final = 10.0
_AGAIN: Final = 2.0
_STATEMENT_MS: Final = 5_000
_BROKER_SECONDS: Final = 4.0
_JOIN: Final = 9.0
"""Longer than one question to a broker that hangs: a thread that still asks at the end breaks the process."""


class LedgerNumbers:
    """A thread that leads or waits for the lead. `broker`: how Kafka's clients reach it; `topics` maps
    full names to flows; `group` has its prefix.

    `leads` is told 1 or 0; `exposition` is the text of the last look, empty without one.
    """

    def __init__(
        self,
        *,
        database_url: str,
        broker: Mapping[str, object],
        topics: Mapping[str, Flow],
        group: str,
        lists: CodeLists,
        leads: Callable[[float], None],
        every: float = COUNT_EVERY,
    ) -> None:
        self.exposition = b""
        self._database_url = database_url
        self._broker = broker
        self._topics = dict(topics)
        self._group = group
        self._lists = lists
        self._leads = leads
        self._every = every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger numbers", daemon=True)

    def start(self) -> None:
        """Begin to lead, or to wait for it."""
        self._thread.start()

    def stop(self) -> None:
        """End; at most nine seconds later."""
        self._stopping.set()
        self._thread.join(_JOIN)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with leadership(
                    self._database_url, self._stopping, lambda: None, COUNTING, "overgang numbers"
                ) as connection:
                    if connection is not None:
                        self._lead(connection)
            except Exception as error:  # noqa: BLE001 numbers that fail are absent, and tried again
                log.error("the ledger could not be counted, trying again", reason=fault_name(error))
                self._stopping.wait(_AGAIN)

    def _lead(self, connection: psycopg.Connection) -> None:
        self._admin = AdminClient(dict(self._broker))
        self._member = Consumer({**self._broker, "group.id": self._group, "enable.auto.commit": False})
        connection.execute(f"SET statement_timeout = {_STATEMENT_MS}")
        self._leads(1)
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                counted = count(connection, self._topics, DAYS)
                self.exposition = text(counted, self._lag(counted), self._lists, time.time())
                self._stopping.wait(max(0.1, began + self._every - time.monotonic()))
        finally:
            self._leads(0)
            self.exposition = b""
            self._member.close()

    def _lag(self, counted: Counted) -> Lag:
        """By stored position and by group; without what the broker does not tell now."""
        lag: Counter[tuple[Flow, str]] = Counter()
        try:
            ranges = self._ranges()
            for of in ("position", "group"):
                if self._stopping.is_set():
                    return lag
                stands = counted.positions if of == "position" else self._committed(ranges)
                for flow in self._topics.values():
                    lag[flow, of] = 0
                for place, held in ranges.items():
                    lag[self._topics[place[0]], of] += max(
                        0, held.end - max(held.start, stands.get(place, 0))
                    )
        except (KafkaException, TimeoutError) as away:
            log.info("lag not told", reason=fault_name(away))
        return lag

    def _ranges(self) -> dict[Place, OffsetRange]:
        known = self._admin.list_topics(timeout=_BROKER_SECONDS).topics
        topics = [topic for topic in self._topics if topic in known and not self._stopping.is_set()]
        return TopicState(self._admin).ranges([(t, p) for t in topics for p in known[t].partitions])

    def _committed(self, places: Collection[Place]) -> dict[Place, int]:
        # The admin client's own question ended processes with SIGSEGV where the group's coordinator was not
        # there yet. A consumer that joins nothing asks the same.
        told = self._member.committed([TopicPartition(*place) for place in places], timeout=_BROKER_SECONDS)
        return {(at.topic, at.partition): at.offset for at in told if at.error is None and at.offset >= 0}
