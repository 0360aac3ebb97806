"""A webhook that behaves as scripted: on loopback, verifying what it gets, keeping nothing but counts."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.sandbox.script import Step
from streams.ledger.webhook_secrets import WebhookSecret

_LARGEST: Final = 1024 * 1024


class ScriptedEndpoint:
    """Answers by its steps, one after the other; a message that is not well signed is refused at once.

    `secret` is told once the gateway has made it: nothing is posted before the endpoint agrees.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = [step for step in steps[:-1] for _ in range(step.posts or 1)]
        self._last = steps[-1]
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.secret: WebhookSecret | None = None
        self.url = ""

    @contextmanager
    def serving(self) -> Iterator["ScriptedEndpoint"]:
        """Serve on a free loopback port meanwhile."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}/webhook"
        thread = threading.Thread(target=server.serve_forever, name="sandbox webhook")
        thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, body: bytes, headers: dict[str, str]) -> Step:
        """What to answer a post with; waits as long as the step says."""
        if self.secret is None or not _verified(self.secret, body, headers):
            return Step(status=HTTPStatus.UNAUTHORIZED)
        with self._lock:
            step = self._steps.pop(0) if self._steps else self._last
        if step.delay_seconds:
            self._stopped.wait(step.delay_seconds)
        return step


def _verified(secret: WebhookSecret, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret.text).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def _handler(endpoint: ScriptedEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_OPTIONS(self) -> None:
            asked = self.headers.get("WebHook-Request-Origin", "*")
            self._send(HTTPStatus.OK, {"WebHook-Allowed-Origin": asked})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length > _LARGEST:
                self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"Connection": "close"})
                return
            step = endpoint.answer(self.rfile.read(length), dict(self.headers.items()))
            told = {} if step.retry_after is None else {"Retry-After": str(step.retry_after)}
            self._send(step.status, told)

        def _send(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != HTTPStatus.NO_CONTENT:
                self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """A line of this would name nothing but the path."""

    return Handler
