"""A real broker and database for measurements, and the processes that are measured."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_server
from tempfile import TemporaryDirectory
from typing import Final
from uuid import uuid4

import httpx
import psycopg

from connectors.access.own_token import OwnToken, local_credential
from connectors.embedded.services import Services, services
from connectors.inbound_topics import inbound_topics
from connectors.settings import Settings
from schemas.pseudonym import PseudonymKey, load_or_make_key
from streams.ledger.migrate import migrate
from streams.ledger.registry_changes import seed_local
from streams.topics import TopicShape, ensure_topics, inbound_shape

UNLIMITED: Final = {
    f"OVERGANG_{name}": value
    for name, value in {
        "MESSAGES_PER_SECOND": "100000",
        "MESSAGES_BURST": "1000000",
        "REQUESTS_PER_SECOND": "100000",
        "REQUESTS_BURST": "1000000",
        "REQUESTS_AT_ONCE": "1000",
        "BATCHES_AT_ONCE": "100",
    }.items()
}
"""Settings of an API that is measured, not limited."""


@dataclass(frozen=True, slots=True)
class Rig:
    """Broker and database that all measurements of one run share; durable settings, as in production."""

    directory: Path
    running: Services

    @property
    def key_file(self) -> Path:
        return self.directory / "keys" / "pseudonym.key"

    @property
    def key(self) -> PseudonymKey:
        return load_or_make_key(self.key_file)

    @property
    def credential(self) -> OwnToken:
        return local_credential(Settings(data_directory=self.directory))

    @staticmethod
    def bearer(credential: OwnToken) -> Callable[[], str]:
        """Gives the header `Authorization` of now."""
        request = httpx.Request("POST", "http://127.0.0.1")

        def now() -> str:
            next(credential.sync_auth_flow(request))
            return request.headers["authorization"]

        return now

    def fresh(self) -> "House":
        """Topics and a database of its own for one measurement."""
        name = f"bench_{uuid4().hex[:10]}"
        with psycopg.connect(self.running.database_url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        database = self.running.database
        assert database is not None
        house = House(self, f"{name}.", database.url_of(name))
        migrate(house.database_url)
        seed_local(house.database_url)
        ensure_topics(self.running.bootstrap, inbound_topics(house.prefix), inbound_shape())
        ensure_topics(self.running.bootstrap, [f"{house.prefix}bare"], TopicShape(1))
        return house


@dataclass(frozen=True, slots=True)
class House:
    """One measurement's own topics and database."""

    rig: Rig
    prefix: str
    database_url: str

    @contextmanager
    def process(self, *command: str, **settings: str) -> Iterator["subprocess.Popen[str]"]:
        """A child with this house's settings; its output is read by the caller, it ends with the block."""
        environment = {
            **os.environ,
            "OVERGANG_DATA_DIRECTORY": str(self.rig.directory),
            "OVERGANG_KAFKA_BOOTSTRAP": self.rig.running.bootstrap,
            "OVERGANG_DATABASE_URL": self.database_url,
            "OVERGANG_TOPIC_PREFIX": self.prefix,
            **settings,
        }
        with (self.rig.directory / "children.log").open("a") as log:
            child = subprocess.Popen(
                [sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        try:
            yield child
        finally:
            child.terminate()
            child.wait(30)
            if child.stdout is not None:
                child.stdout.close()

    @contextmanager
    def api(self, **settings: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
        """The HTTP API as a process of its own, ready, and its port."""
        with create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        with self.process(*self.overgang("api"), OVERGANG_HTTP_PORT=str(port), **settings) as child:
            until_ready(f"http://127.0.0.1:{port}/health/ready", self.rig.credential)
            yield child, port

    def overgang(self, command: str) -> tuple[str, ...]:
        """The command line of `overgang COMMAND`."""
        return (
            "-c",
            f"import sys; sys.argv = ['overgang', {command!r}]; from connectors.cli.main import main; main()",
        )


def until_ready(url: str, credential: httpx.Auth | None = None) -> None:
    """Return when the address answers 200."""
    pause = threading.Event()
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            if httpx.get(url, auth=credential, trust_env=False, timeout=10).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pause.wait(0.1)
        pause.wait(0.1)
    raise TimeoutError(f"{url} was not ready within 60 s")


@contextmanager
def rig() -> Iterator[Rig]:
    """Start broker and database in a temporary directory, stop them at the end."""
    with TemporaryDirectory(prefix="overgang-bench-", ignore_cleanup_errors=True) as directory:
        settings = Settings(data_directory=Path(directory), kafka_bootstrap=None, database_url=None)
        with services(settings) as running:
            yield Rig(Path(directory), running)
