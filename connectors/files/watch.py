"""Looks at every party's folder again and again, and sees each whole file through."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import httpx
import structlog

from connectors.cli.batch_sender import BatchSender
from connectors.files.arrivals import Arrivals, claim, given_name
from connectors.files.folders import OpenFolder, opened_folder, party_of
from connectors.files.names import shown
from connectors.files.reading import FileReading
from connectors.files.work import StillWritten, held, settle
from schemas.problems import OvergangError

_FOLDER_MEND: Final = "name it institution- and 6 digits or municipality- and 3, or take it away"
_log = structlog.get_logger(__name__)


class Stopping(Exception):
    """We were asked to end; what is in `work/` is taken up again."""


class Watch:
    """One look after the other.

    `connect` gives a client of the gateway, `wait` waits some seconds before it is tried again, and `go_on`
    raises Stopping when it is time to end.
    """

    def __init__(
        self,
        directory: Path,
        reading: FileReading,
        connect: Callable[[], AbstractContextManager[httpx.Client]],
        wait: Callable[[float], None],
        go_on: Callable[[], None],
    ) -> None:
        self._directory, self._reading = directory, reading
        self._connect, self._wait, self._go_on = connect, wait, go_on
        self._arrivals = Arrivals()
        self._told: set[tuple[str, str]] = set()
        self._telling: set[tuple[str, str]] = set()

    def look(self) -> bool:
        """Take what is whole, and see through what is in hand; whether nothing is left in hand."""
        self._telling = set()
        settled = True
        for name in sorted(os.listdir(self._directory)):
            if name.startswith("."):
                continue
            party = party_of(name)
            if party is None:
                self._tell_once("folder_unknown", "", name, _FOLDER_MEND)
                continue
            try:
                with opened_folder(self._directory, name, party) as folder:
                    settled = self._look_into(name, folder) and settled
            except OSError as failure:
                mend = (
                    f"{failure.strerror}; run `overgang files DIRECTORY --make {party}` as the watcher's user"
                )
                self._tell_once("folder_unusable", party, name, mend)
                settled = False
        self._told = self._telling
        return settled

    def _look_into(self, name: str, folder: OpenFolder) -> bool:
        def refuse(entry: str, why: str) -> None:
            self._tell_once("file_refused", folder.party, entry, why)

        for entry in self._arrivals.settled(name, folder.inbox, refuse):
            try:
                claim(entry, folder.inbox, folder.work)
            except FileNotFoundError:
                continue
            _log.info("file_taken", party=folder.party, file=shown(entry))
        # A name that begins with a dot is a result in the making.
        in_hand = sorted(entry for entry in os.listdir(folder.work) if not entry.startswith("."))
        seen_through = [self._see_through(entry, folder) for entry in in_hand]
        return all(seen_through)

    def _see_through(self, name: str, folder: OpenFolder) -> bool:
        told = {"party": folder.party, "file": shown(given_name(name))}
        with held(name, folder.work) as file:
            if file is None:
                return True
            try:
                with self._connect() as client:
                    sender = BatchSender(client, self._wait)
                    counts = settle(name, file, folder, self._reading, sender, self._go_on)
            except StillWritten:
                _log.warning(
                    "file_still_written", **told, mend="upload as .part and rename it when it is whole"
                )
                return False
            except (OvergangError, httpx.HTTPError) as failure:
                because = str(failure) if isinstance(failure, OvergangError) else type(failure).__name__
                _log.warning("file_waits", **told, because=because)
                return False
        _log.info("file_answered", **told, accepted=counts.accepted, refused=counts.refused)
        return True

    def _tell_once(self, event: str, party: str, name: str, mend: str) -> None:
        self._telling.add((party, name))
        if (party, name) not in self._told:
            _log.warning(event, party=party or None, file=shown(name), mend=mend)
