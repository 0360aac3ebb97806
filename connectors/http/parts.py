"""What the routes of one API share while it runs: opened by the app's lifespan, reached by `parts`."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy import Engine

from connectors.access.gate import Gate
from connectors.http.config import ApiConfig
from connectors.http.health import Health
from connectors.http.inbound import InboundProducer
from connectors.http.metrics import Metrics
from connectors.mailbox.bell import Bell
from connectors.mailbox.polls import Polls
from connectors.mailbox.reading import Mailboxes
from streams.ledger_numbers import LedgerNumbers


@dataclass(frozen=True, slots=True)
class Parts:
    """Producer and database pools, all open; health and counts; the places for batches in hand; the gate;
    the mailboxes, the bell that rings when something is new in one, and the places of those who wait;
    what the leading API counts in the ledger.

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


def _parts(request: Request) -> Parts:
    return cast(Parts, request.app.state.parts)


OpenParts = Annotated[Parts, Depends(_parts)]
