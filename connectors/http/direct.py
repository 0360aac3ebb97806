"""A route that is called for every message: its endpoint gets the request and who asks, and nothing else.

The framework resolves dependencies anew for each request, which costs more than to check the message.
"""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from connectors.access.gate import Caller
from connectors.http.access import caller, known

Endpoint = Callable[[Request, Caller], Awaitable[Response]]
_calling = asynccontextmanager(caller)


class DirectRoute(APIRoute):
    """For endpoints `(request, asking: Asking) -> Response`: no parameters, no body of a model."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As the framework's own, for this one form."""
        endpoint = cast(Endpoint, self.endpoint)

        async def handle(request: Request) -> Response:
            async with _calling(request) as asking:
                return await endpoint(request, known(asking))

        return handle
