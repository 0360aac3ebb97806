"""Time passes for cases that hear nothing: those whose next change has come are decided again."""

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from streams.failures import Outcome, database_trouble, fault_name, outcome_of
from streams.health import Health
from streams.ledger.ledger import Ledger

log = structlog.get_logger(__name__)

EVERY = 1.0
"""Seconds between two looks. Deadlines are days: what matters is that a worker that was away catches up."""
AT_ONCE = 200
"""Cases a transaction: it holds their locks, and new messages wait for those."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Run by a timer of the app; several workers share the due cases, since each locks what it decides."""

    ledger: Ledger
    executor: Executor
    health: Health

    async def decide_due(self) -> None:
        """Decide every case that is due now. A fault makes the worker unready and is tried again."""
        loop = asyncio.get_running_loop()
        try:
            decided = AT_ONCE
            while decided == AT_ONCE:
                decided = await loop.run_in_executor(
                    self.executor, self.ledger.decide_due, datetime.now(UTC), AT_ONCE
                )
                self.health.alive("database")
                self.health.alive("deadlines")
        except Exception as error:  # noqa: BLE001 a deadline that cannot be decided must not stop the flows
            if outcome_of(error) is Outcome.RETRY:
                self.health.trouble(*database_trouble(error))
            else:
                log.error("deadlines not decided", fault=fault_name(error))
                self.health.trouble("deadlines", fault_name(error))
