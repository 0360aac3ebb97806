"""`/health/live`, `/health/ready` and `/metrics`: for whoever watches over the process."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from connectors.http.access import Monitor
from connectors.http.health import Readiness
from connectors.http.parts import OpenParts
from connectors.http.problems import documented

router = APIRouter(tags=["operations"])
CLOSED = ("no-credential", "not-proved", "operator-only")


@router.get("/health/live", summary="The process answers")
async def live() -> dict[str, bool]:
    """Restart the process when this fails, and only then."""
    return {"live": True}


@router.get(
    "/health/ready",
    summary="Broker and database answer, each with its reason",
    response_model=Readiness,
    responses={**documented(*CLOSED), 503: {"description": "Some part does not answer", "model": Readiness}},
)
async def ready(parts: OpenParts, _: Monitor) -> Response:
    """True within 10 seconds of a change."""
    readiness = parts.health.readiness()
    return Response(
        readiness.model_dump_json(), 200 if readiness.ready else 503, media_type="application/json"
    )


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={
        **documented(*CLOSED, "access-unknown"),
        200: {"description": "Text format", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
)
async def metrics(parts: OpenParts, _: Monitor) -> Response:
    """How to read them stands in docs/metrics.md; one API also tells what it counts in the ledger."""
    return Response(parts.metrics.text() + parts.numbers.exposition, media_type=CONTENT_TYPE_LATEST)
