"""Health that tells the truth: each part is tried every few seconds, an old answer counts as none."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from pydantic import BaseModel, Field
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from connectors.http.inbound import BrokerUnavailable, InboundProducer
from streams.disk_room import DATABASE_FULL
from streams.ledger.disk_room import disk_is_full

_log = structlog.get_logger(__name__)
EVERY_SECONDS = 2.0
WITHIN_SECONDS = 3.0
# A check that hangs must not leave the last good answer standing; with it, the truth is known within 10 s.
STALE_SECONDS = 8.0


class PartHealth(BaseModel):
    """Whether one part works; `reason` says what is wrong and what to do."""

    ready: bool
    reason: str | None = None


class Readiness(BaseModel):
    """Ready when every part is."""

    ready: bool
    parts: dict[str, PartHealth] = Field(description="`broker`, `database` and `disk`.")


@dataclass(frozen=True, slots=True)
class _Checked:
    at: float
    reason: str | None


class Health:
    """Checks broker, database and disk in the background; `readiness` answers from the last results."""

    def __init__(
        self,
        producer: InboundProducer,
        engine: Engine,
        topics: frozenset[str],
        no_room: Callable[[], str | None],
    ) -> None:
        self._checks: dict[str, Callable[[], str | None]] = {
            "broker": lambda: _broker(producer, topics),
            "database": lambda: _database(engine),
            "disk": no_room,
        }
        self._last: dict[str, _Checked] = {}
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin checking; to be called inside a running event loop."""
        self._running = [asyncio.create_task(self._keep_checking(part)) for part in self._checks]

    async def stop(self) -> None:
        """End the checks."""
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def readiness(self) -> Readiness:
        """The last results; a part not checked for `STALE_SECONDS` is not ready."""
        parts = {name: self._part(self._last.get(name)) for name in self._checks}
        return Readiness(ready=all(part.ready for part in parts.values()), parts=parts)

    @staticmethod
    def _part(last: _Checked | None) -> PartHealth:
        if last is None:
            return PartHealth(ready=False, reason="not checked yet; ask again in a second")
        if time.monotonic() - last.at > STALE_SECONDS:
            return PartHealth(ready=False, reason="the check itself gets no answer; see this process's log")
        return PartHealth(ready=last.reason is None, reason=last.reason)

    async def _keep_checking(self, part: str) -> None:
        while True:
            reason = await asyncio.to_thread(self._checks[part])
            before = self._last.get(part)
            self._last[part] = _Checked(time.monotonic(), reason)
            if before is None or before.reason != reason:
                _log.info("health", part=part, ready=reason is None, reason=reason)
            await asyncio.sleep(EVERY_SECONDS)


def _broker(producer: InboundProducer, topics: frozenset[str]) -> str | None:
    try:
        missing = topics - producer.topics(WITHIN_SECONDS)
    except BrokerUnavailable as away:
        return f"Kafka does not answer ({away.reason}); start it or mend OVERGANG_KAFKA_BOOTSTRAP"
    if missing:
        return f"{len(missing)} inbound topics are missing, such as {min(missing)}; run `overgang doctor`"
    return None


def _database(engine: Engine) -> str | None:
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1 FROM inbox LIMIT 1"))
            driver: Any = connection.connection.driver_connection
            full = disk_is_full(driver)
    except (SQLAlchemyError, psycopg.Error) as failed:
        name = type(failed).__name__
        return f"PostgreSQL does not answer as it should ({name}); run `overgang doctor`"
    return DATABASE_FULL if full else None
