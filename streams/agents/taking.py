"""How an agent takes a batch: decode, apply, and what happens when that fails. Nothing raises out of it but
a bug in these lines, and that stops the worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import structlog

from schemas.identifiers import Flow
from schemas.message import Message
from schemas.problems import InvalidMessage
from streams.agents.decoding import Decoder
from streams.batch import Batch
from streams.failures import Outcome, database_trouble, fault_name, outcome_of
from streams.handover import Handover
from streams.health import Health
from streams.intake import Intake
from streams.ledger.apply import Applied
from streams.ledger.ledger import Ledger
from streams.metrics import Metrics

if TYPE_CHECKING:
    from streams.tracing.tracing import Tracing

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds before the same batch is tried again while the database is away."""


@dataclass(frozen=True, slots=True)
class Taking:
    """Shared by all agents of a worker. Blocking work runs in `executor`: SQL in the loop would stall it."""

    decoder: Decoder
    ledger: Ledger
    handover: Handover
    intake: Intake
    executor: Executor
    health: Health
    metrics: Metrics
    tracing: Tracing | None

    async def take(self, batch: Batch) -> None:
        """Bring a batch to its end: stored, dropped because its partition went, or left where its flow
        stopped."""
        stored = False
        try:
            stored = await self._taken(batch)
        finally:
            self.handover.end(batch, stored=stored)

    async def _taken(self, batch: Batch) -> bool:
        pause = FIRST_PAUSE
        while self.handover.begin(batch):
            try:
                applied = await self._in_thread(lambda: self._apply(batch))
            except Exception as error:
                match outcome_of(error):
                    case Outcome.RETRY:
                        self._count(batch, "retried")
                        self.health.trouble(*database_trouble(error))
                        log.warning("database away, trying again", flow=batch.flow, error=fault_name(error))
                        await asyncio.sleep(pause)
                        pause = min(2 * pause, LONGEST_PAUSE)
                    case Outcome.FENCED:
                        self._count(batch, "fenced")
                        self.intake.fenced(batch)
                        return False
                    case Outcome.STOP_FLOW:
                        await self._stop_flow(batch.flow, fault_name(error))
                        self._count(batch, "stopped")
                        return False
                    case Outcome.STOP_WORKER:
                        raise
            else:
                self._count_applied(batch, applied)
                return True
        self._count(batch, "dropped")
        return False

    def _apply(self, batch: Batch) -> Applied:
        started = time.perf_counter()
        now = datetime.now(UTC)
        decoded = self.decoder.decode(batch, now)
        if self.tracing is None:
            applied = self.ledger.apply(batch, decoded, now)
        else:
            with self.tracing.processing(batch, decoded) as traced:
                applied = self.ledger.apply(batch, traced.decoded, now)
            traced.stored(applied.repeated)
        self.metrics.apply_seconds.observe(time.perf_counter() - started)
        self._count_waits(batch, decoded)
        return applied

    def _count_waits(self, batch: Batch, decoded: Sequence[Message | InvalidMessage]) -> None:
        """How long inputs waited until now, since the broker had them and since their senders' own time."""
        now = time.time()
        decided, raised = self.metrics.decided.labels(batch.flow), self.metrics.raised.labels(batch.flow)
        for item, found in zip(batch.inputs, decoded, strict=True):
            if item.appended_ms is not None:
                decided.observe(max(0.0, now - item.appended_ms / 1000))
            if not isinstance(found, InvalidMessage):
                raised.observe(max(0.0, now - found.envelope.time.timestamp()))

    async def _stop_flow(self, flow: Flow, fault: str) -> None:
        """Our own fault: count it and stop the flow, durably, before its next batch can begin."""
        log.error("our own fault, flow stopped", flow=flow, fault=fault)

        def record() -> None:
            faults = self.ledger.count_fault(flow, fault)
            self.ledger.stop_flow(flow, f"our own fault number {faults}: {fault}")

        pause = FIRST_PAUSE
        while True:
            try:
                await self._in_thread(record)
            except Exception as error:
                if outcome_of(error) is not Outcome.RETRY:
                    raise
                self.health.trouble(*database_trouble(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                break
        self.handover.halt(flow)
        self.intake.look_now()

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self.executor, work)

    def _count(self, batch: Batch, outcome: str) -> None:
        self.metrics.batches.labels(batch.flow, outcome).inc()

    def _count_applied(self, batch: Batch, applied: Applied) -> None:
        self.health.alive("database")
        self._count(batch, "applied")
        inputs = {
            "accepted": applied.accepted,
            "duplicate": applied.duplicates,
            "quarantined": sum(applied.quarantined.values()),
        }
        for outcome, count in inputs.items():
            if count:
                self.metrics.inputs.labels(batch.flow, outcome).inc(count)
        for system in applied.suspended:
            log.warning("sender suspended", system=system, mend=f"overgang parties resume {system}")
        for (error_class, sender), count in applied.quarantined.items():
            label = self.metrics.system(sender) if sender else ""
            self.metrics.quarantined.labels(batch.flow, error_class, label).inc(count)
