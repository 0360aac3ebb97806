"""A whole gateway as processes of this one: broker, database, worker, API and deliverer, for `up` and `demo`.

Broker and database are embedded ones where none is configured. Nothing outlives this process: a guard ends
each child when this one is gone, even killed.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import httpx
from confluent_kafka.admin import AdminClient
from sqlalchemy import make_url

from connectors.access.own_token import local_credential
from connectors.broker import broker_login
from connectors.cli import run_file
from connectors.database import with_password
from connectors.embedded.child import Child
from connectors.embedded.failures import DidNotStart
from connectors.embedded.ownership import claim, disown
from connectors.embedded.services import Services, services
from connectors.inbound_topics import inbound_topics
from connectors.settings import Settings, SettingsRefused
from schemas.problems import OvergangError
from streams.broker_access import client_settings
from streams.ledger.migrate import migrate
from streams.ledger.registry_changes import seed_local
from streams.topics import ensure_topics, inbound_shape

LOOK_SECONDS = 0.2
OWNED = "up"
"""Directory within the data directory whose lock says that a gateway runs on it."""
_OWN = ("worker", "api", "deliver")
"""Commands that run as children, in the order of their start."""
_GRACE_SECONDS = 20.0
_READY_SECONDS = 60.0
_LAST_LINES = 8
_OVERGANG = "from connectors.cli.main import main; main()"

Say = Callable[[str, str], None]
"""Told the name of a step and what came of it."""


class PartEnded(OvergangError):
    """A part of the gateway ended by itself; the text names its log and the last lines of it."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Something that must go on running."""

    name: str
    process: int
    running: Callable[[], bool]
    log: Path


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway and where it answers."""

    addresses: run_file.Running
    parts: tuple[_Part, ...]

    def check(self) -> None:
        """Raises PartEnded where a part has ended by itself."""
        _check(self.parts)

    def stay(self) -> NoReturn:
        """Until somebody interrupts. Raises PartEnded where a part has ended by itself."""
        nobody = threading.Event()
        while True:
            self.check()
            nobody.wait(LOOK_SECONDS)


def interrupted_by_signals() -> None:
    """Make SIGTERM and Ctrl-C raise KeyboardInterrupt, once."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)


@contextmanager
def gateway(settings: Settings, say: Say) -> Iterator[Gateway]:
    """Start everything, ready to work; at the end stop it in reverse order.

    Raises:
        DirectoryInUse, EmbeddedFailure, DidNotStart, PartEnded
    """
    with ExitStack() as stack:
        yield _start(settings, say, stack)


def _start(settings: Settings, say: Say, stack: ExitStack) -> Gateway:
    if settings.profile != "embedded":
        raise SettingsRefused(
            "OVERGANG_PROFILE: a gateway in one place is for the embedded profile; in production start "
            "`overgang migrate`, then `overgang worker`, `overgang api` and `overgang deliver`"
        )
    directory = settings.data_directory
    lock = claim(directory / OWNED)
    stack.callback(disown, lock)
    running = stack.enter_context(
        services(settings, progress=lambda done, of, name: say("download", f"{done} of {of}: {name}"))
    )
    say("broker", running.bootstrap)
    say("database", make_url(running.database_url).render_as_string(hide_password=True))
    database = with_password(running.database_url, settings)
    migrate(database)
    seed_local(database)
    login = None if running.broker is not None else broker_login(settings)
    ensure_topics(
        AdminClient(client_settings(running.bootstrap, login)),
        inbound_topics(settings.topic_prefix),
        inbound_shape(settings.inbound_partitions, replication_factor=settings.replication_factor),
        replication_factor=settings.replication_factor,
    )
    ports = {
        "api": settings.http_port or _free_port(settings.http_host),
        "worker": settings.worker_port or _free_port(settings.monitoring_host),
        "deliver": settings.deliver_port or _free_port(settings.monitoring_host),
    }
    environment = {name: value for name, value in os.environ.items() if name.startswith("OVERGANG_")} | {
        "OVERGANG_KAFKA_BOOTSTRAP": running.bootstrap,
        "OVERGANG_DATABASE_URL": running.database_url,
        "OVERGANG_DATA_DIRECTORY": str(directory),
        "OVERGANG_HTTP_PORT": str(ports["api"]),
        "OVERGANG_WORKER_PORT": str(ports["worker"]),
        "OVERGANG_DELIVER_PORT": str(ports["deliver"]),
    }
    parts = _backing(running)
    urls = {
        command: _url(settings.http_host if command == "api" else settings.monitoring_host, port)
        for command, port in ports.items()
    }
    for command in _OWN:
        part = _child(command, directory / f"{command}.log", lock, environment, stack)
        say(command, f"process {part.process}, log {part.log}")
        parts.append(part)
    for command in _OWN:
        _wait_until_ready(command, urls[command], parts, local_credential(settings))
    say("http", f"{urls['api']} (described at {urls['api']}/openapi.json)")
    addresses = run_file.Running(
        process=os.getpid(),
        kafka_bootstrap=running.bootstrap,
        database_url=running.database_url,
        http=urls["api"],
        worker=urls["worker"],
        deliver=urls["deliver"],
        children={part.name: part.process for part in parts},
    )
    stack.callback(run_file.remove, directory)
    run_file.write(directory, addresses)
    return Gateway(addresses, tuple(parts))


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
    return _Part(command, child.pid, lambda: child.running, log)


def _wait_until_ready(command: str, url: str, parts: Sequence[_Part], credential: httpx.Auth) -> None:
    give_up = time.monotonic() + _READY_SECONDS
    why = "no answer"
    while time.monotonic() < give_up:
        _check(parts)
        try:
            answer = httpx.get(f"{url}/health/ready", timeout=2, trust_env=False, auth=credential)
        except httpx.TransportError:
            why = "no answer"
        else:
            if answer.status_code == httpx.codes.OK:
                return
            why = answer.text
        threading.Event().wait(LOOK_SECONDS)
    log = next(part.log for part in parts if part.name == command)
    raise DidNotStart(f"the {command}", why, log)


def _check(parts: Sequence[_Part]) -> None:
    for part in parts:
        if not part.running():
            lines = part.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
            what = f"the {part.name} ended by itself, so everything was stopped; its log is {part.log}"
            raise PartEnded("\n  ".join((what, *lines)))


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as free:
        return int(free.getsockname()[1])


def _interrupt(_: int, __: FrameType | None) -> None:
    # A second Ctrl-C while stopping would leave the rest to the guards, in no order.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt
