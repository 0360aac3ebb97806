"""What a deliverer serves its endpoints with, all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from connectors.webhooks.client import WebhookClient
from connectors.webhooks.line import Line
from connectors.webhooks.metrics import Metrics
from streams.ledger.sealing import Seal

if TYPE_CHECKING:
    from streams.tracing.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Slots:
    """Posts on their way over all endpoints: those that are away never take the places of the others."""

    well: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(64))
    away: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(16))


@dataclass(frozen=True, slots=True)
class Means:
    """What endpoints are served with. `now` is aware; `ttl`: after so long a message expires."""

    line: Line
    seal: Seal
    new_client: Callable[[], WebhookClient]
    slots: Slots
    metrics: Metrics
    ttl: timedelta
    now: Callable[[], datetime]
    tracing: Tracing | None = None
