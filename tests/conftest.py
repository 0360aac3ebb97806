"""Real things for tests: one broker and one PostgreSQL a session, child processes that always end.

A test that asks for `kafka` or `database_url` gets them started; nothing starts for tests that do not.
"""

import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import make_url

from connectors.embedded.kafka import EmbeddedKafka
from connectors.embedded.postgres import EmbeddedPostgres
from tests.processes import Processes
from tests.shared_services import SharedServices

WaitUntil = Callable[..., None]

# How long an example takes says something about the machine only.
settings.register_profile("untimed", settings.default, deadline=None)
settings.load_profile("untimed")


OF_THE_FINISHED_RUN = {
    file.name
    for file in Path(__file__).parent.glob("promises/test_*.py")
    if "run: FinishedRun" in file.read_text()
}
SERVICES = pytest.StashKey[SharedServices]()


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts what runs in the background with Ctrl-C ignored, and every child would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[SERVICES] = SharedServices(getattr(config, "workerinput", None))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Before a worker of a parallel run starts."""
    node.workerinput.update(node.config.stash[SERVICES].for_worker())


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[SERVICES].end()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """In a parallel run a file's tests share a worker, and all files that look at the finished run do."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return "the finished run" if Path(file).name in OF_THE_FINISHED_RUN else file

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def infrastructure_directory(pytestconfig: pytest.Config) -> Path:
    """Where the shared broker and database keep data and logs."""
    return pytestconfig.stash[SERVICES].directory


@pytest.fixture(scope="session")
def shared_kafka(pytestconfig: pytest.Config) -> str:
    """Bootstrap address of the run's broker; tests must not stop it (see `own_kafka`)."""
    return pytestconfig.stash[SERVICES].bootstrap


@pytest.fixture(scope="session")
def shared_postgres(pytestconfig: pytest.Config) -> str:
    """URL of the run's database server; tests must not stop it (see `own_postgres`)."""
    return pytestconfig.stash[SERVICES].database_url


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """URL of an empty database that is dropped at the end with whatever is still connected to it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def kafka(shared_kafka: str) -> str:
    """Bootstrap address of a real broker that all tests share: make topics under `topic_prefix`."""
    return shared_kafka


@pytest.fixture
def topic_prefix() -> str:
    """Comes before every topic name (`OVERGANG_TOPIC_PREFIX`), so that each test has topics of its own."""
    return f"t{uuid.uuid4().hex[:12]}."


@pytest.fixture
def database_url(shared_postgres: str) -> Iterator[str]:
    """URL of a fresh, empty database, dropped after the test."""
    with fresh_database(shared_postgres) as url:
        yield url


@pytest.fixture
def other_database_url(shared_postgres: str) -> Iterator[str]:
    """Another fresh database of the same server."""
    with fresh_database(shared_postgres) as url:
        yield url


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker of the test's own, to be killed and started again."""
    with EmbeddedKafka(tmp_path / "kafka") as broker:
        yield broker


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A durable database server of the test's own, to be killed and started again."""
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        yield server


@pytest.fixture
def wait_until() -> WaitUntil:
    """`wait_until(condition, timeout=20, what="...")` returns when the condition holds, else fails."""

    def wait(condition: Callable[[], object], timeout: float = 20, what: str = "the condition") -> None:
        give_up = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > give_up:
                pytest.fail(f"{what} did not come true within {timeout} seconds")
            threading.Event().wait(0.02)

    return wait


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """`processes.start("overgang", "up", ...)`; output shows in the report of a test that fails."""
    started = Processes(tmp_path)
    yield started
    started.end_all()
