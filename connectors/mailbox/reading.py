"""Opens what lies in mailboxes, in threads of its own: a slow database keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from time import time_ns
from typing import TYPE_CHECKING, Final, TypeVar

import orjson
import structlog
from sqlalchemy import Engine

from schemas.cloudevent import to_structured
from schemas.identifiers import PartyAddress
from schemas.problems import InvalidMessage, OvergangError
from schemas.wire import decode
from streams.ledger import mailbox
from streams.ledger.case_keys import GATEWAY
from streams.ledger.mailbox import MailboxRow, Standing
from streams.ledger.sealing import CannotOpen, Seal

if TYPE_CHECKING:
    from streams.tracing.tracing import Tracing

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")
_THREADS: Final = 4
_WITHIN_SECONDS: Final = 8.0


class TooSlow(OvergangError):
    """The database did not answer in time."""


class Mailboxes:
    """All mailboxes of the gateway. `page` is how many bytes of messages one answer holds, at most; `arrived`
    is told the age in seconds of each message that is acknowledged. With `tracing` each message is traced
    when this process hands it out for the first time.

    Every method raises SQLAlchemyError or TooSlow while the database is away.
    """

    def __init__(
        self,
        reading: Engine,
        writing: Engine,
        wrapping: Seal,
        page: int,
        arrived: Callable[[float], object] = lambda _: None,
        tracing: Tracing | None = None,
    ) -> None:
        self._arrived = arrived
        self._reading = reading
        self._writing = writing
        self._wrapping = wrapping
        self._page = page
        self._opened: set[PartyAddress] = set()
        self._tracing = tracing
        self._handed_out: dict[PartyAddress, int] = {}
        self._threads = ThreadPoolExecutor(_THREADS, "mailbox")

    def close(self) -> None:
        """End the threads when they have done what they are at."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def read(self, party: PartyAddress, after: int | None, limit: int) -> bytes | None:
        """A CloudEvents batch of the next messages, None where there are none.

        Raises BeyondLast; CannotOpen or InvalidMessage where the very first cannot be read by our own fault:
        it is not passed over.
        """
        return await self._run(lambda: self._read(party, after, limit))

    async def acknowledge(self, party: PartyAddress, sequence: int, *, back: bool) -> Standing:
        """Raises BeyondLast."""

        def acknowledged() -> Standing:
            with self._writing.begin() as connection:
                before = mailbox.standing(connection, party).acknowledged
                standing = mailbox.acknowledge(connection, party, sequence, self._seal_own, back=back)
                ages = mailbox.ages(connection, party, before, standing.acknowledged)
            for age in ages:
                self._arrived(age)
            return standing

        return await self._run(acknowledged)

    async def oldest_unread(self) -> dict[PartyAddress, datetime | None]:
        """When the oldest unread message of each party that reads by mailbox was written."""

        def looked() -> dict[PartyAddress, datetime | None]:
            with self._reading.connect() as connection:
                return mailbox.oldest_unread(connection)

        return await self._run(looked)

    def _seal_own(self, plaintext: bytes) -> bytes:
        return self._wrapping.seal(plaintext, GATEWAY)

    async def _run(self, work: Callable[[], _T]) -> _T:
        try:
            async with asyncio.timeout(_WITHIN_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError:
            raise TooSlow(f"no answer of the database within {_WITHIN_SECONDS:g} seconds") from None

    def _read(self, party: PartyAddress, after: int | None, limit: int) -> bytes | None:
        began_ns = time_ns()
        if party not in self._opened:
            with self._writing.begin() as connection:
                mailbox.open_mailbox(connection, party)
            self._opened.add(party)
        with self._reading.connect() as connection:
            rows = mailbox.read(connection, party, after, limit, self._page)
        events = list(self._events(rows))
        if self._tracing is not None:
            self._trace(self._tracing, party, rows[: len(events)], began_ns)
        return b"[" + b",".join(events) + b"]" if rows else None

    def _trace(
        self, tracing: Tracing, party: PartyAddress, rows: Sequence[MailboxRow], began_ns: int
    ) -> None:
        before = self._handed_out.get(party, 0)
        for row in (sealed.row for sealed in rows):
            if row.sequence > before:
                tracing.handed_out(row.event_attributes(), party, began_ns)
        self._handed_out[party] = max([before, *(sealed.row.sequence for sealed in rows)])

    def _events(self, rows: list[MailboxRow]) -> Iterator[bytes]:
        for place, sealed in enumerate(rows):
            try:
                _, record = decode(sealed.opened(self._wrapping))
            except (CannotOpen, InvalidMessage) as ours:
                where = {"recipient": sealed.row.recipient, "sequence": sealed.row.sequence}
                _log.error("mailbox message cannot be read", kind=type(ours).__name__, **where)
                if place == 0:
                    raise
                return
            yield orjson.dumps(to_structured(sealed.row.event_attributes(), record))
