"""The way out of the process for spans: a bounded queue and a thread. Nothing ever waits for a collector.

What happens when the collector is away, slow or refuses: spans are dropped and counted, the newest where the
queue is full, and the log says so once, and once more when it takes them again.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

import requests
import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

log = structlog.get_logger(__name__)

QUEUE: Final = 8_192
"""Spans that wait, at most: some 30 MB."""
_BATCH: Final = 512
_EVERY_MS: Final = 500
_ANSWER_SECONDS: Final = 3.0
"""For a batch with all its repeats; then it is dropped."""
_LAST_SECONDS: Final = 2.0
"""For what waits when the process ends."""


class Outlet(BatchSpanProcessor):
    """Takes spans that have ended. `dropped` is told how many were lost, from any thread."""

    def __init__(self, url: str, dropped: Callable[[int], object]) -> None:
        # Its own words repeat for each try, and name the address and what the collector said.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        session = requests.Session()
        session.trust_env = False
        self._sender = _Sender(OTLPSpanExporter(url, timeout=_ANSWER_SECONDS, session=session), self)
        self._dropped = dropped
        self._lock = threading.Lock()
        self._waiting = 0
        self._away = False
        super().__init__(self._sender, QUEUE, _EVERY_MS, _BATCH)

    def on_end(self, span: ReadableSpan) -> None:
        """Never blocks."""
        with self._lock:
            full = self._waiting >= QUEUE
            if not full:
                self._waiting += 1
        if full:
            self.lost(1)
        else:
            super().on_end(span)

    def taken(self, count: int) -> None:
        """The thread has taken spans from the queue."""
        with self._lock:
            self._waiting -= count

    def lost(self, count: int) -> None:
        """Spans did not and will not arrive."""
        self._dropped(count)
        with self._lock:
            first, self._away = not self._away, True
        if first:
            log.warning("traces do not arrive, spans are dropped", metric="overgang_spans_dropped_total")

    def arrived(self) -> None:
        """The collector has taken a batch."""
        with self._lock:
            again, self._away = self._away, False
        if again:
            log.info("traces arrive again")

    def close(self) -> None:
        """Send what waits, for two seconds at most."""
        ending = threading.Thread(target=self.shutdown, name="last spans", daemon=True)
        ending.start()
        ending.join(_LAST_SECONDS)
        self._sender.give_up()


class _Sender(SpanExporter):
    """Counts what the exporter of OpenTelemetry does; runs in the queue's thread."""

    def __init__(self, exporter: OTLPSpanExporter, outlet: Outlet) -> None:
        self._exporter = exporter
        self._outlet = outlet
        self._over = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._outlet.taken(len(spans))
        done = SpanExportResult.FAILURE if self._over.is_set() else self._exporter.export(spans)
        if done is SpanExportResult.SUCCESS:
            self._outlet.arrived()
        else:
            self._outlet.lost(len(spans))
        return done

    def give_up(self) -> None:
        """A repeat that waits for its time does not wait longer."""
        if not self._over.is_set():
            self._over.set()
            self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def shutdown(self) -> None:
        self.give_up()
