"""A real PostgreSQL 18 as a child process, reached by a Unix socket that only its owner can open."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from connectors.embedded.child import Child, clean_environment
from connectors.embedded.failures import DidNotStart, EmbeddedFailure
from connectors.embedded.ownership import claim, disown
from connectors.embedded.postgres_programs import VERSION, program

SUPERUSER = "overgang"
DATABASE = "overgang"
START_SECONDS = 60.0
STOP_SECONDS = 15.0
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 100
"""Bytes; a Unix socket's path ends at 107 on Linux, at 103 on macOS."""

SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Neither a statement nor the values of a violated key may reach the log: they may identify a person.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
FAST_AND_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """`with EmbeddedPostgres(directory) as database: database.url`.

    `directory` holds the cluster and outlives the server; one living owner at a time. No TCP port is opened;
    the directory has mode 700, so whoever may enter it may connect, without a password. `durable=False`
    trades safety against a crash of the machine for speed, for tests only. Raises EmbeddedFailure.
    """

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self._directory = directory.absolute()
        self._durable = durable
        self._child: Child | None = None
        self._lock: int | None = None
        self._sockets: Path | None = None

    @property
    def url(self) -> str:
        """URL of the database `overgang`; holds no secret."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """URL of another database of this server."""
        if self._sockets is None:
            raise RuntimeError("the database server is not started: call start() first")
        return (
            f"postgresql://{SUPERUSER}@/{quote(database)}?host={quote(str(self._sockets), safe='')}&port=5432"
        )

    @property
    def pid(self) -> int:
        """Process id of the server, running or just ended."""
        if self._child is None:
            raise RuntimeError("the database server is not started: call start() first")
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def log(self) -> Path:
        return self._directory / "postgres.log"

    def start(self) -> Self:
        """Make the cluster and the database where they are missing; returns when the server answers."""
        if self.running:
            raise RuntimeError("the database server is already running")
        self._lock = claim(self._directory)
        try:
            cluster = self._cluster()
            # Every process of a former server held the lock that is ours now, so none is left; the process id
            # in a left-over file may by now be somebody else's, and the server would refuse to start.
            (cluster / "postmaster.pid").unlink(missing_ok=True)
            self._start_server(cluster)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Fast shutdown (open transactions roll back), SIGKILL after a grace; gives the directory up."""
        if self._child is not None:
            self._child.stop()
        if self._sockets is not None and self._sockets.parent != self._directory:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._sockets = None
        self._disown()

    def kill(self) -> None:
        """SIGKILL, as a crash would; `start` brings the server back at its URL."""
        if self._child is not None:
            self._child.kill()
        self._disown()

    def _disown(self) -> None:
        if self._lock is not None:
            disown(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _cluster(self) -> Path:
        cluster = self._directory / "cluster"
        version = cluster / "PG_VERSION"
        if cluster.exists():
            found = version.read_text().strip() if version.exists() else "unknown"
            if found != str(VERSION):
                raise EmbeddedFailure(
                    f"{cluster} was made by PostgreSQL {found}, this is {VERSION}; carry the data over with "
                    "pg_upgrade, or name another directory in OVERGANG_DATA_DIRECTORY"
                )
            return cluster
        unfinished = self._directory / "cluster.unfinished"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        command = [
            *program("initdb"),
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-locale",
            *([] if self._durable else ["--no-sync"]),
        ]
        with self.log.open("ab") as log:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=START_SECONDS,
                check=False,
                env=clean_environment(),
            )
        if done.returncode != 0:
            raise DidNotStart("PostgreSQL", f"initdb ended with status {done.returncode}", self.log)
        return unfinished.rename(cluster)

    def _start_server(self, cluster: Path) -> None:
        assert self._lock is not None
        self._sockets = self._sockets or self._socket_directory()
        settings = {**SETTINGS, **({} if self._durable else FAST_AND_FORGETFUL)}
        settings["unix_socket_directories"] = f'"{self._sockets}"'
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._child = Child(
            [*program("postgres"), "-D", str(cluster), *options],
            log=self.log,
            lock=self._lock,
            stop_signal=signal.SIGINT,
            grace_seconds=STOP_SECONDS,
        )
        self._wait_until_it_answers(self._child)

    def _socket_directory(self) -> Path:
        inside = self._directory / "socket"
        if len(os.fsencode(inside / SOCKET_NAME)) > SOCKET_PATH_LIMIT:
            return Path(tempfile.mkdtemp(prefix="overgang-"))
        inside.mkdir(mode=0o700, exist_ok=True)
        return inside

    def _wait_until_it_answers(self, child: Child) -> None:
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            if not child.running:
                raise DidNotStart("PostgreSQL", "it ended at once", self.log)
            try:
                with psycopg.connect(
                    self.url_of("postgres"), autocommit=True, connect_timeout=5
                ) as connection:
                    there = connection.execute(
                        "SELECT FROM pg_database WHERE datname = %s", (DATABASE,)
                    ).fetchone()
                    if there is None:
                        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
                    return
            except psycopg.OperationalError:
                threading.Event().wait(0.02)
        raise DidNotStart("PostgreSQL", f"no answer within {START_SECONDS:.0f} seconds", self.log)
