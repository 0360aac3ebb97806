"""`overgang_mailbox_oldest_unread_seconds`: how long the oldest message has waited that a reader did not
acknowledge. One line for each party that has ever read its mailbox; 0 where nothing waits."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from connectors.mailbox.reading import Mailboxes, TooSlow
from schemas.identifiers import PartyAddress
from streams.measurements.connectors import UNREAD

_log = structlog.get_logger(__name__)
_EVERY_SECONDS: Final = 5.0


class UnreadAges(Collector):
    """Looks every few seconds; ages grow on while the database is away, since nobody reads then."""

    def __init__(self, mailboxes: Mailboxes) -> None:
        self._mailboxes = mailboxes
        self._oldest: dict[PartyAddress, datetime | None] = {}
        self._looks: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin looking; to be called inside a running event loop."""
        self._looks = asyncio.create_task(self._keep_looking())

    async def stop(self) -> None:
        """End looking."""
        if self._looks is not None:
            self._looks.cancel()
            await asyncio.gather(self._looks, return_exceptions=True)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The ages at this instant, in seconds."""
        ages = GaugeMetricFamily(UNREAD.name, UNREAD.read, labels=list(UNREAD.labels))
        now = datetime.now(UTC)
        # More readers than the label may have: those tell that wait longest.
        by_age = sorted(self._oldest.items(), key=lambda item: item[1] or now)
        for party, written_at in by_age[: UNREAD.labels["party"].most]:
            age = 0.0 if written_at is None else (now - written_at).total_seconds()
            ages.add_metric([party], max(0.0, age))
        yield ages

    async def _keep_looking(self) -> None:
        away = False
        while True:
            try:
                self._oldest = await self._mailboxes.oldest_unread()
                away = False
            except (SQLAlchemyError, TooSlow) as failed:
                if not away:
                    _log.error("unread messages", problem="cannot be counted", kind=type(failed).__name__)
                away = True
            await asyncio.sleep(_EVERY_SECONDS)
