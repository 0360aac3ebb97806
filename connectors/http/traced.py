"""Spans of `POST /v1/messages`: of the request, and of each message in it. Only where traces are on."""

from __future__ import annotations

from contextvars import ContextVar
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.http.answered import Answered
from connectors.http.problems import Refusal
from schemas.message import Message

if TYPE_CHECKING:
    from streams.tracing.tracing import Hop, Tracing

_ROUTE: Final = "/v1/messages"
_FAULTS: Final = 500
_NOBODY: Final = frozenset({401, 421})
"""Answers to who proves nothing, or asks another host: anybody could fill the collector with those."""


class _Request:
    """Its span begins when its parent is known: the request's own `traceparent`, else that of the first event
    in it."""

    def __init__(self, tracing: Tracing, traceparent: str | None) -> None:
        self._tracing = tracing
        self._traceparent = traceparent
        self._began = time_ns()
        self._begun = False
        self._hop: Hop | None = None

    def hop(self, of_event: str | None) -> Hop | None:
        if not self._begun:
            self._begun = True
            self._hop = self._tracing.request(self._traceparent or of_event, self._began)
        return self._hop

    def end(self, status: int) -> None:
        hop = None if status in _NOBODY else self.hop(None)
        if hop is not None:
            failed = not 0 < status < _FAULTS
            hop.end(str(status), {"http.response.status_code": status}, failed=failed)


_current: ContextVar[_Request | None] = ContextVar("traced request", default=None)


class TraceIngest:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a POST of messages becomes a span."""
        if scope["type"] != "http" or scope["path"] != _ROUTE or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        came = headers.get(b"traceparent")
        request = _Request(self._tracing, None if came is None else came.decode("latin-1"))
        token = _current.set(request)
        answered = Answered(send)
        try:
            await self._app(scope, receive, answered)
        finally:
            _current.reset(token)
            request.end(answered.status)


def sent(tracing: Tracing, message: Message, topic: str) -> tuple[Message, Hop | None]:
    """The message as it is to be written, and the span of that; None where it is not traced."""
    request = _current.get()
    begun = None if request is None else request.hop(message.envelope.traceparent)
    hop = tracing.sending(message, topic, begun)
    return (message, None) if hop is None else (hop.borne_by(message), hop)


def settled(hop: Hop, outcome: dict[str, Any] | Refusal) -> None:
    """The broker has the message, or it was refused."""
    if isinstance(outcome, Refusal):
        hop.end(outcome.kind.slug, failed=outcome.kind.status >= _FAULTS)
    else:
        hop.end("accepted")
