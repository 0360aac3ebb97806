"""Real things for tests: one broker and one PostgreSQL a session, child processes that always end.

A test that asks for `kafka` or `database_url` gets them started; nothing starts for tests that do not.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from sqlalchemy import make_url

from connectors.embedded.kafka import EmbeddedKafka
from connectors.embedded.postgres import EmbeddedPostgres
from tests.living import lives

WaitUntil = Callable[..., None]


OF_THE_FINISHED_RUN = {
    file.name
    for file in Path(__file__).parent.glob("promises/test_*.py")
    if "run: FinishedRun" in file.read_text()
}
SERVICES = pytest.StashKey["SharedServices"]()


class SharedServices:
    """The run's one broker and one database server, each started when it is first asked for.

    In a worker of a parallel run (`workerinput`) they are those of the run's main process.
    """

    def __init__(self, workerinput: Mapping[str, str] | None) -> None:
        self._given = workerinput
        self._ends = ExitStack()

    @cached_property
    def directory(self) -> Path:
        """Holds their data and logs. Not pytest's own temporary directory: that one keeps three runs."""
        if self._given is not None:
            return Path(self._given["infrastructure"])
        temporary = tempfile.TemporaryDirectory(prefix="overgang-tests-", ignore_cleanup_errors=True)
        return Path(self._ends.enter_context(temporary))

    @cached_property
    def bootstrap(self) -> str:
        if self._given is not None:
            return self._given["bootstrap"]
        return self._ends.enter_context(EmbeddedKafka(self.directory / "kafka")).bootstrap

    @cached_property
    def database_url(self) -> str:
        if self._given is not None:
            return self._given["database_url"]
        server = EmbeddedPostgres(self.directory / "postgres", durable=False)
        return self._ends.enter_context(server).url

    def for_worker(self) -> dict[str, str]:
        """What a worker of a parallel run has to know; starts both."""
        return {
            "infrastructure": str(self.directory),
            "bootstrap": self.bootstrap,
            "database_url": self.database_url,
        }

    def end(self) -> None:
        self._ends.close()


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


class Running:
    """A child process with its output, standard output and error in one, line by line as it comes."""

    def __init__(self, command: list[str], environment: Mapping[str, str], directory: Path) -> None:
        self.command = command
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
        )
        self.children: set[psutil.Process] = set()
        """Those that lived when this process was killed: they must end by themselves."""
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self._lines.append(line)
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        with self._more:
            return "".join(self._lines)

    def wait_for_line(self, text: str, timeout: float = 30) -> str:
        """Blocks until a line holds the text; returns that line. Fails when the output ends without it."""

        def found() -> str | None:
            return next((line for line in self._lines if text in line), None)

        with self._more:
            self._more.wait_for(lambda: found() is not None or self._ended, timeout)
            line = found()
        assert line is not None, f"no line with {text!r} from {' '.join(self.command)}:\n{self.output}"
        return line.rstrip("\n")

    def wait(self, timeout: float = 30) -> int:
        """Exit status, when the process has ended and its output is read."""
        status = self.process.wait(timeout)
        self._reader.join(5)
        return status

    def stop(self, timeout: float = 30) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.wait(timeout)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self.process.poll() is None:
            self.children.update(psutil.Process(self.pid).children(recursive=True))
            self.process.kill()
        self.wait()


class Processes:
    """Starts child processes and ends them all, with their children, when the test is over."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: list[Running] = []

    def start(self, *command: str, environment: Mapping[str, str] | None = None) -> Running:
        """Runs `command`; its first word may be a program of the virtual environment (`overgang`, `python`).

        `environment` comes on top of ours, less every OVERGANG_ variable but that of the cache; the working
        directory is the test's.
        """
        program = Path(sys.executable).with_name(command[0])
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OVERGANG_")}
        cache = {n: v for n, v in os.environ.items() if n == "OVERGANG_CACHE_DIRECTORY"}
        running = Running(
            [str(program) if program.exists() else command[0], *command[1:]],
            {**inherited, **cache, "PYTHONUNBUFFERED": "1", **(environment or {})},
            self._directory,
        )
        self._started.append(running)
        return running

    def end_all(self) -> None:
        """SIGTERM, then SIGKILL; fails when a process, or a child of one, had to be killed or is left."""
        ours = [psutil.Process(r.pid) for r in self._started if r.process.poll() is None]
        family = {child for parent in ours for child in parent.children(recursive=True)} | set(ours)
        for running in self._started:
            family |= running.children
            if running.process.poll() is None:
                running.process.terminate()
        _, waiting = psutil.wait_procs(list(family), timeout=30)
        left = [process for process in waiting if lives(process)]
        for process in left:
            process.kill()
        for running in self._started:
            running.wait()
            sys.stdout.write(
                f"--- {' '.join(running.command)}: {running.process.returncode}\n{running.output}\n"
            )
        assert not left, f"did not end within 30 seconds of SIGTERM: {left}"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """`processes.start("overgang", "up", ...)`; output shows in the report of a test that fails."""
    started = Processes(tmp_path)
    yield started
    started.end_all()
