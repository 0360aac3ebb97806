"""Rings for whoever waits at a mailbox: one LISTEN connection a process, however many wait."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
import structlog
from psycopg import AsyncConnection

from schemas.identifiers import PartyAddress

_log = structlog.get_logger(__name__)
_LOOK_SECONDS: Final = 5.0
"""After so long without a ring the connection is tried: one that was cut off says nothing."""
_ANSWER_SECONDS: Final = 3.0
_AGAIN_SECONDS: Final = 1.0


class Bell:
    """The relay tells on the channel `numbered` which recipients have new numbers.

    Everybody is rung when the connection is lost, so that they ask and learn it, and when it is back, since
    nobody knows what was missed.
    """

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._waiting: dict[PartyAddress, set[asyncio.Event]] = defaultdict(set)
        self._listens: asyncio.Task[None] | None = None
        self.listening = False
        """Whether a ring can come at all."""
        self.closed = False
        """Whether the process ends: nobody should wait any more."""

    def start(self) -> None:
        """Begin listening; to be called inside a running event loop."""
        self._listens = asyncio.create_task(self._keep_listening())

    async def stop(self) -> None:
        """End listening."""
        self.close()
        if self._listens is not None:
            self._listens.cancel()
            await asyncio.gather(self._listens, return_exceptions=True)

    def close(self) -> None:
        """Let all who wait go at once, and nobody wait again."""
        self.closed = True
        self._ring_all()

    @contextmanager
    def heard(self, party: PartyAddress) -> Iterator[asyncio.Event]:
        """Set at each ring for a party; whoever clears it, then looks, then waits misses nothing."""
        rung = asyncio.Event()
        self._waiting[party].add(rung)
        try:
            yield rung
        finally:
            self._waiting[party].discard(rung)
            if not self._waiting[party]:
                del self._waiting[party]

    async def _keep_listening(self) -> None:
        told = ""
        while True:
            try:
                await self._listen()
            except (psycopg.Error, TimeoutError) as lost:
                if self.listening or told != type(lost).__name__:
                    told = type(lost).__name__
                    _log.error("mailbox bell", problem="no connection to the database", kind=told)
            self.listening = False
            self._ring_all()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _listen(self) -> None:
        connection = await AsyncConnection.connect(
            self._database_url,
            autocommit=True,
            application_name="overgang mailbox bell",
            connect_timeout=int(_ANSWER_SECONDS),
        )
        try:
            await connection.execute("LISTEN numbered")
            self.listening = True
            self._ring_all()
            while True:
                async for told in connection.notifies(timeout=_LOOK_SECONDS):
                    self._ring(PartyAddress(told.payload))
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await connection.execute("SELECT 1")
        finally:
            await connection.close()

    def _ring(self, party: PartyAddress) -> None:
        for rung in self._waiting.get(party, ()):
            rung.set()

    def _ring_all(self) -> None:
        for party in self._waiting:
            self._ring(party)
