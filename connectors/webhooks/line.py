"""The deliverer's one database connection, used by one thread: what it claims lasts as long as it does."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg_pool import ConnectionPool

from streams.ledger.case_keys import CaseVault
from streams.ledger.sealing import Seal

P = ParamSpec("P")
Result = TypeVar("Result")
_KEEPALIVE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""A deliverer that the network has cut off finds out within about ten seconds."""
_KEY_SECONDS = 5.0


class Line:
    """Open it with `open`; after an error of the database close it and open another."""

    def __init__(self, database_url: str, seal: Seal) -> None:
        self._database_url = database_url
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="webhooks")
        self._pool = ConnectionPool(
            database_url, min_size=0, max_size=1, timeout=_KEY_SECONDS, kwargs=_KEEPALIVE, open=False
        )
        self._connection: psycopg.Connection | None = None
        self.vault = CaseVault(seal, self._pool)

    async def open(self) -> None:
        """Raises psycopg.OperationalError."""

        def connect() -> None:
            self._connection = psycopg.connect(
                self._database_url, autocommit=True, application_name="overgang deliver", **_KEEPALIVE
            )
            self._pool.open()

        await self._in_its_thread(connect)

    async def ask(
        self, work: Callable[Concatenate[psycopg.Connection, P], Result], *args: P.args, **kwargs: P.kwargs
    ) -> Result:
        """`work(connection, ...)` in the line's thread. Raises psycopg.Error, and what the work raises."""
        connection = self._connection
        assert connection is not None, "open the line first"
        return await self._in_its_thread(lambda: work(connection, *args, **kwargs))

    async def close(self) -> None:
        """Give up every claim."""

        def disconnect() -> None:
            if self._connection is not None:
                self._connection.close()
            self._pool.close()

        await self._in_its_thread(disconnect)
        self._thread.shutdown(wait=False)

    async def _in_its_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
