"""What the routes of one API share while it runs: opened by the app's lifespan, reached by `parts`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request
from sqlalchemy import Engine

from connectors.access.gate import Gate
from connectors.http.config import ApiConfig
from connectors.http.health import Health
from connectors.http.inbound import InboundProducer
from connectors.http.limits import Limits
from connectors.http.metrics import Metrics
from connectors.mailbox.bell import Bell
from connectors.mailbox.polls import Polls
from connectors.mailbox.reading import Mailboxes
from streams.ledger_numbers import LedgerNumbers

if TYPE_CHECKING:
    from streams.tracing.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Parts:
    """Producer and database pools, all open; health and counts; turns of batches; the gate; the mailboxes,
    the bell that rings when something is new in one, and the places of those who wait; what the leading API
    counts in the ledger; each system's limits; tracing where it is on.

    `engine` only reads, `writing` is for changes of the registry and for what readers acknowledge.
    """

    config: ApiConfig
    producer: InboundProducer
    engine: Engine
    writing: Engine
    health: Health
    metrics: Metrics
    batches: asyncio.Semaphore
    gate: Gate
    mailboxes: Mailboxes
    bell: Bell
    polls: Polls
    numbers: LedgerNumbers
    limits: Limits
    tracing: Tracing | None


def parts_of(request: Request) -> Parts:
    """What the API of this request has open."""
    return cast(Parts, request.app.state.parts)


async def _parts(request: Request) -> Parts:
    # Not a coroutine, it would be sent through a thread for every request.
    return parts_of(request)


OpenParts = Annotated[Parts, Depends(_parts)]
