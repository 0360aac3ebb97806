"""A small HTTP server of a process: is it alive, is it ready and if not why, and its numbers."""

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from aiohttp import web
from mode import Service

log = structlog.get_logger(__name__)


class Numbers(Protocol):
    """What a process counts."""

    def exposition(self) -> bytes:
        """In Prometheus' text format."""


class Monitoring(Service):  # type: ignore[misc] # mode has no types
    """`/health/live` answers while the loop runs, `/health/ready` 200 or 503 with reasons, `/metrics`."""

    def __init__(
        self,
        host: str,
        port: int,
        reasons: Callable[[], Sequence[str]],
        metrics: Numbers,
        part: str = "worker",
    ) -> None:
        super().__init__()
        self._host = host
        self._port = port
        self._reasons = reasons
        self._metrics = metrics
        self._part = part

    async def on_start(self) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/health/live", self._live),
                web.get("/health/ready", self._ready),
                web.get("/metrics", self._numbers),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        host, port = self._runner.addresses[0][:2]
        log.info(f"{self._part} answers", url=f"http://{host}:{port}/health/ready")

    async def on_stop(self) -> None:
        await self._runner.cleanup()

    async def _live(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _ready(self, _request: web.Request) -> web.Response:
        reasons = self._reasons()
        return web.json_response(
            {"ready": not reasons, "reasons": list(reasons)}, status=503 if reasons else 200
        )

    async def _numbers(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.exposition(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )
