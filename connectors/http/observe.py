"""The outermost layer: each request is logged and measured, and a fault of ours leaves as a bare 500.

The log names the route's template, never the address, and of an exception its kind and places, never its
text: both may hold what a client sent.
"""

import time
import traceback
import uuid
from typing import Any

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.http.answered import Answered
from connectors.http.metrics import Metrics
from connectors.http.problems import Refusal

_log = structlog.get_logger(__name__)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_WENT = 499
_FRAMES = 8


class Observe:
    """ASGI middleware; `metrics` must be the app's."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and record how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        answered = Answered(send)
        try:
            await self._app(scope, receive, answered)
        except ClientDisconnect:
            answered.status = _CLIENT_WENT
        except Exception as fault:  # noqa: BLE001 - the one place where our own faults become an answer
            fault_id = _log_fault(fault)
            if not answered.status:
                await Refusal("internal-error", f"A fault of the gateway, id {fault_id}.").response()(
                    scope, receive, answered
                )
        finally:
            self._record(scope, answered.status, time.perf_counter() - began)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route: Any = scope.get("route")
        template = getattr(route, "path", None) or "unknown"
        self._metrics.requests.labels(method, template, status).inc()
        self._metrics.seconds.labels(method, template).observe(seconds)
        _log.info("request", method=method, route=template, status=status, ms=round(seconds * 1000, 1))


def _log_fault(fault: BaseException) -> str:
    fault_id = uuid.uuid4().hex
    places = [
        f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(fault.__traceback__)[-_FRAMES:]
    ]
    _log.error("fault", id=fault_id, kind=type(fault).__name__, places=places)
    return fault_id
