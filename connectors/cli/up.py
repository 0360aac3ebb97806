"""`overgang up`: the whole gateway in one place, each part a process of its own, stopped in reverse order.

Broker and database are embedded ones where none is configured. A part that ends by itself ends everything,
with its reason. Nothing outlives this process: a guard ends each child when this one is gone, even killed.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import httpx
import typer
from sqlalchemy import make_url

from connectors.cli import run_file
from connectors.embedded.child import Child
from connectors.embedded.failures import DidNotStart
from connectors.embedded.ownership import claim, disown
from connectors.embedded.services import Services, services
from connectors.inbound_topics import inbound_topics
from connectors.settings import Settings
from schemas.problems import OvergangError
from streams.ledger.migrate import migrate
from streams.topics import ensure_topics, inbound_shape

_GRACE_SECONDS = 20.0
_READY_SECONDS = 60.0
_LOOK_SECONDS = 0.2
_LAST_LINES = 8
_OVERGANG = "from connectors.cli.main import main; main()"


class PartEnded(OvergangError):
    """A part of the gateway ended by itself; the text names its log and the last lines of it."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Something that must go on running."""

    name: str
    process: int
    running: Callable[[], bool]
    log: Path


def up() -> None:
    """Start broker and database (where none is configured), worker and API; Ctrl-C stops all."""
    settings = Settings()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        with ExitStack() as stack:
            parts = _start(settings, stack)
            typer.echo("ready     Ctrl-C stops all")
            nobody = threading.Event()
            while True:
                _check(parts)
                nobody.wait(_LOOK_SECONDS)
    except KeyboardInterrupt:
        typer.echo("stopped")


def _start(settings: Settings, stack: ExitStack) -> list[_Part]:
    directory = settings.data_directory
    lock = claim(directory / "up")
    stack.callback(disown, lock)
    running = stack.enter_context(services(settings, progress=_downloading))
    typer.echo(f"broker    {running.bootstrap}")
    typer.echo(f"database  {make_url(running.database_url).render_as_string(hide_password=True)}")
    migrate(running.database_url)
    shape = inbound_shape(settings.inbound_partitions, replication_factor=settings.replication_factor)
    ensure_topics(
        running.bootstrap,
        inbound_topics(settings.topic_prefix),
        shape,
        replication_factor=settings.replication_factor,
    )
    ports = {
        "api": settings.http_port or _free_port(settings.http_host),
        "worker": settings.worker_port or _free_port(settings.http_host),
    }
    environment = {name: value for name, value in os.environ.items() if name.startswith("OVERGANG_")} | {
        "OVERGANG_KAFKA_BOOTSTRAP": running.bootstrap,
        "OVERGANG_DATABASE_URL": running.database_url,
        "OVERGANG_DATA_DIRECTORY": str(directory),
        "OVERGANG_HTTP_PORT": str(ports["api"]),
        "OVERGANG_WORKER_PORT": str(ports["worker"]),
    }
    parts = _backing(running)
    host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
    urls = {command: f"http://{host}:{port}" for command, port in ports.items()}
    for command in ("worker", "api"):
        parts.append(_child(command, directory / f"{command}.log", lock, environment, stack))
    for command in ("worker", "api"):
        _wait_until_ready(command, urls[command], parts)
    typer.echo(f"http      {urls['api']} (description at {urls['api']}/docs)")
    stack.callback(run_file.remove, directory)
    run_file.write(
        directory,
        run_file.Running(
            process=os.getpid(),
            kafka_bootstrap=running.bootstrap,
            database_url=running.database_url,
            http=urls["api"],
            worker=urls["worker"],
            children={part.name: part.process for part in parts},
        ),
    )
    return parts


def _downloading(done: int, of: int, name: str) -> None:
    typer.echo(f"download  {done} of {of}: {name}")


def _backing(running: Services) -> list[_Part]:
    own = (("broker", running.broker), ("database", running.database))
    return [
        _Part(name, server.pid, lambda server=server: server.running, server.log)  # type: ignore[misc]
        for name, server in own
        if server is not None
    ]


def _child(command: str, log: Path, lock: int, environment: dict[str, str], stack: ExitStack) -> _Part:
    child = Child(
        [sys.executable, "-c", _OVERGANG, command],
        log=log,
        lock=lock,
        stop_signal=signal.SIGTERM,
        grace_seconds=_GRACE_SECONDS,
        environment=environment,
    )
    stack.callback(child.stop)
    typer.echo(f"{command:<9} process {child.pid}, log {log}")
    return _Part(command, child.pid, lambda: child.running, log)


def _wait_until_ready(command: str, url: str, parts: list[_Part]) -> None:
    give_up = time.monotonic() + _READY_SECONDS
    why = "no answer"
    while time.monotonic() < give_up:
        _check(parts)
        try:
            answer = httpx.get(f"{url}/health/ready", timeout=2, trust_env=False)
        except httpx.TransportError:
            why = "no answer"
        else:
            if answer.status_code == httpx.codes.OK:
                return
            why = answer.text
        threading.Event().wait(_LOOK_SECONDS)
    log = next(part.log for part in parts if part.name == command)
    raise DidNotStart(f"the {command}", why, log)


def _check(parts: list[_Part]) -> None:
    for part in parts:
        if not part.running():
            lines = part.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
            what = f"the {part.name} ended by itself, so everything was stopped; its log is {part.log}"
            raise PartEnded("\n  ".join((what, *lines)))


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as free:
        return int(free.getsockname()[1])


def _interrupt(_: int, __: FrameType | None) -> None:
    # A second Ctrl-C while stopping would leave the rest to the guards, in no order.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt
