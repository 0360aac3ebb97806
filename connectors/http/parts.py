"""What the routes of one API share while it runs: opened by the app's lifespan, reached by `parts`."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy import Engine

from connectors.http.config import ApiConfig
from connectors.http.health import Health
from connectors.http.inbound import InboundProducer
from connectors.http.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Parts:
    """Producer and database pool, both open; health and counts; the places for batches in hand."""

    config: ApiConfig
    producer: InboundProducer
    engine: Engine
    health: Health
    metrics: Metrics
    batches: asyncio.Semaphore


def _parts(request: Request) -> Parts:
    return cast(Parts, request.app.state.parts)


OpenParts = Annotated[Parts, Depends(_parts)]
