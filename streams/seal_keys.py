"""The keys that records are sealed with, in a file: the first one seals, every one verifies.

A change of the file counts within a second, and at once where a seal names a key that is not known yet: a key
is replaced without a restart.
"""

import threading
import time
from pathlib import Path
from typing import Final

import structlog

from schemas.key_file import KeyFileError, load_or_make_secrets
from schemas.seal import SealKey

_log = structlog.get_logger(__name__)
_LOOK_SECONDS: Final = 1.0
_WHAT: Final = "seal key"
_SETTING: Final = "OVERGANG_SEAL_KEYS_FILE"


class SealKeys:
    """Safe to share between threads. The file is made where there is none. Raises KeyFileError.

    While a changed file cannot be used, the keys that were read last go on counting, and the log says so.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        # The state of before the reading: a change in between is read at the next look.
        load_or_make_secrets(file, _WHAT, _SETTING)
        self._state = self._state_now()
        self._keys = self._read()
        self._looked = time.monotonic()

    def sealing(self) -> SealKey:
        """The key that new seals are made with."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._look()
        return next(iter(self._keys.values()))

    def get(self, key_id: str) -> SealKey | None:
        """The key of that id; None where the file does not hold it, now that it was looked at."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS or key_id not in self._keys:
            self._look()
        return self._keys.get(key_id)

    def _look(self) -> None:
        with self._lock:
            self._looked = time.monotonic()
            state = self._state_now()
            if state == self._state:
                return
            self._state = state
            try:
                if state is None:
                    raise KeyFileError(f"{self._file}: is gone; restore it from a backup")
                self._keys = self._read()
            except KeyFileError as unusable:
                _log.error("seal_keys", problem=str(unusable))

    def _read(self) -> dict[str, SealKey]:
        secrets = load_or_make_secrets(self._file, _WHAT, _SETTING)
        return {key.id: key for key in map(SealKey, secrets)}

    def _state_now(self) -> tuple[int, ...] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode
