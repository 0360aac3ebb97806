"""Claims endpoints and serves each of them by itself, until it is told to stop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from connectors.webhooks.addresses import Addresses
from connectors.webhooks.client import WebhookClient
from connectors.webhooks.endpoint_run import AT_ONCE, EndpointRun
from connectors.webhooks.line import Line
from connectors.webhooks.means import Means, Slots
from connectors.webhooks.metrics import Metrics
from schemas.identifiers import PartyAddress
from streams.disk_room import DATABASE_DISK, DATABASE_FULL
from streams.failures import fault_name
from streams.health import Health
from streams.ledger import webhooks
from streams.ledger.disk_room import disk_is_full
from streams.ledger.sealing import Seal
from streams.tracing.target import TraceTarget, tracing_to

if TYPE_CHECKING:
    from streams.tracing.tracing import Tracing

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
"""Between two looks for endpoints, new messages and times that have come."""
DRAIN_SECONDS = 16.0
"""For posts on their way when it is told to stop; each takes 15 at most."""
_AGAIN_SECONDS = 2.0
_FAULT_SECONDS = 60.0
_COUNT_EVERY = 10


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class DelivererConfig:
    """`origin`: by which DNS name consent is asked; `loopback`: endpoints on this machine are allowed;
    `traces`: where they go.
    """

    database_url: str
    seal: Seal
    origin: str
    ttl: timedelta
    loopback: bool = False
    trust: ssl.SSLContext | None = None
    now: Callable[[], datetime] = _utc_now
    traces: TraceTarget | None = None


@dataclass(slots=True)
class _Served:
    run: EndpointRun
    task: asyncio.Task[None] | None = None
    not_before: float = 0.0


@dataclass(slots=True)
class Deliverer:
    """`run` until told. Database away: it forgets what it has and begins anew; nothing is lost with it."""

    config: DelivererConfig
    health: Health = field(default_factory=Health)
    metrics: Metrics = field(default_factory=Metrics)
    slots: Slots = field(default_factory=Slots)
    _served: dict[PartyAddress, _Served] = field(default_factory=dict)
    _tracing: Tracing | None = None

    async def run(self, told: asyncio.Event) -> None:
        """Serve until `told` is set, then let what is on its way arrive."""
        addresses = Addresses(loopback=self.config.loopback)
        self._tracing = tracing_to(self.config.traces, "deliver", self.metrics.spans_dropped.inc)
        try:
            while not told.is_set():
                try:
                    await self._serve(addresses, told)
                except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout):
                    log.error("the database does not answer, trying again")
                    self.health.trouble("deliverer", "the database does not answer")
                    await _either(told, _AGAIN_SECONDS)
        finally:
            addresses.close()
            if self._tracing is not None:
                await asyncio.to_thread(self._tracing.close)

    def means(self, line: Line, addresses: Addresses) -> Means:
        """What each endpoint is served with."""
        config = self.config

        def new_client() -> WebhookClient:
            return WebhookClient(
                addresses, config.origin, connections=AT_ONCE, now=config.now, trust=config.trust
            )

        return Means(
            line,
            config.seal,
            new_client,
            self.slots,
            self.metrics,
            config.ttl,
            config.now,
            self._tracing,
        )

    async def _serve(self, addresses: Addresses, told: asyncio.Event) -> None:
        line = Line(self.config.database_url, self.config.seal)
        looks = 0
        try:
            await line.open()
            means = self.means(line, addresses)
            while not told.is_set():
                await self._look(line, means)
                if looks % _COUNT_EVERY == 0:
                    await self._count(line)
                    await self._look_for_room(line)
                looks += 1
                self.health.alive("deliverer")
                await _either(told, LOOK_SECONDS)
            await self._drain()
        finally:
            for served in self._served.values():
                if served.task is not None:
                    served.task.cancel()
            tasks = [served.task for served in self._served.values() if served.task is not None]
            await asyncio.gather(*tasks, return_exceptions=True)
            for served in self._served.values():
                await served.run.close()
            self._served.clear()
            self.metrics.endpoints.set(0)
            await line.close()

    async def _look(self, line: Line, means: Means) -> None:
        loop = asyncio.get_running_loop()
        for party in await line.ask(webhooks.claim, list(self._served)):
            log.info("serves endpoint", party=party)
            self._served[party] = _Served(EndpointRun(party, means))
        for endpoint in await line.ask(webhooks.endpoints, list(self._served)):
            served = self._served[endpoint.party]
            if served.task is not None and served.task.done():
                await self._ended(served, served.task, means)
            idle = served.task is None and loop.time() >= served.not_before
            if idle and served.run.wants(endpoint):
                served.task = asyncio.create_task(served.run.until_idle())
        self.metrics.endpoints.set(len(self._served))
        self.metrics.away.set(sum(served.run.away for served in self._served.values()))

    async def _ended(self, served: _Served, task: asyncio.Task[None], means: Means) -> None:
        """A fault at one endpoint is no other's; it is served anew from its cursor after a while."""
        served.task = None
        fault = task.exception()
        if fault is None:
            return
        if isinstance(fault, psycopg.OperationalError | psycopg.InterfaceError | PoolTimeout):
            raise fault
        log.error("a fault of our own at an endpoint", party=served.run.party, reason=fault_name(fault))
        await served.run.close()
        served.run = EndpointRun(served.run.party, means)
        served.not_before = asyncio.get_running_loop().time() + _FAULT_SECONDS

    async def _count(self, line: Line) -> None:
        counted = await line.ask(webhooks.counts)
        for state in ("WAITING", "FAILED", "EXPIRED"):
            self.metrics.exceptions.labels(state).set(counted.get(state, 0))

    async def _look_for_room(self, line: Line) -> None:
        if await line.ask(disk_is_full):
            self.health.trouble(DATABASE_DISK, DATABASE_FULL)
        else:
            self.health.alive(DATABASE_DISK)

    async def _drain(self) -> None:
        for served in self._served.values():
            served.run.stopping = True
        tasks = [served.task for served in self._served.values() if served.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=DRAIN_SECONDS)


async def _either(told: asyncio.Event, seconds: float) -> None:
    """Wait until told, at most so long."""
    try:
        await asyncio.wait_for(told.wait(), seconds)
    except TimeoutError:
        return
