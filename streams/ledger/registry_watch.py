"""The registry in force: read again within a second of a change, kept for a minute without database."""

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from schemas.problems import OvergangError
from streams.ledger.registry import read_registry, registry_version
from streams.registry import Registry

_log = structlog.get_logger(__name__)
_LOOK_SECONDS: Final = 0.3
_END_SECONDS: Final = 5
KEPT_SECONDS: Final = 60.0


def watching_engine(database_url: str) -> Engine:
    """For one watch: one connection, which answers or fails within seconds."""
    return create_engine(
        make_url(database_url).set(drivername="postgresql+psycopg"),
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="AUTOCOMMIT",
        connect_args={
            "connect_timeout": _END_SECONDS,
            "options": f"-c statement_timeout={_END_SECONDS * 1000} -c default_transaction_read_only=on",
            "application_name": "overgang",
        },
    )


class RegistryUnknown(OvergangError):
    """The database was away for too long: nobody knows any more who may do what."""


class RegistryWatch:
    """Looks for a change in a thread of its own; `current` never waits for the database."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._registry: Registry | None = None
        self._confirmed = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="registry-watch", daemon=True)

    def start(self) -> None:
        """Look once, so that the first caller is known, and go on; without database that comes later."""
        try:
            self.look()
        except SQLAlchemyError as failed:
            _log.error("registry", problem="cannot be read", kind=type(failed).__name__)
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread has, or when the database keeps it for too long."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_END_SECONDS)

    def current(self) -> Registry:
        """The registry, not older than `KEPT_SECONDS`. Raises RegistryUnknown."""
        if self._registry is None or self._clock() - self._confirmed > KEPT_SECONDS:
            raise RegistryUnknown("who may do what is not known while the database is away")
        return self._registry

    def look(self) -> None:
        """Take over a change, where there is one. Raises SQLAlchemyError."""
        asked = self._clock()
        with self._engine.connect() as connection:
            if self._registry is None or registry_version(connection) != self._registry.version:
                self._registry = read_registry(connection)
        self._confirmed = asked

    def _watch(self) -> None:
        away = False
        while not self._stopping.wait(_LOOK_SECONDS if self._registry else 0.05):
            try:
                self.look()
                away = False
            except SQLAlchemyError as failed:
                if not away:
                    _log.error("registry", problem="cannot be read", kind=type(failed).__name__)
                away = True
