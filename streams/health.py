"""What the worker knows about its own progress. Ready means progress, not an open port."""

import threading
import time
from collections.abc import Callable

SILENCE = 8.0
"""Seconds without a sign of life after which a part counts as stuck: told within ten (promise P10)."""


class Health:
    """Signs of life of the worker's parts; thread-safe. `clock` counts seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}
        self._troubles: dict[str, str] = {}

    def alive(self, part: str) -> None:
        """The part has made progress: it is expected to say so again within `SILENCE` seconds."""
        with self._lock:
            self._seen[part] = self._clock()
            self._troubles.pop(part, None)

    def trouble(self, part: str, reason: str) -> None:
        """The part cannot work until it says `alive` again. `reason` is shown: it names no person."""
        with self._lock:
            self._troubles[part] = reason

    def reasons(self, expected: tuple[str, ...]) -> list[str]:
        """Why the worker is not ready; empty when it is. Each `expected` part must have been alive lately."""
        now = self._clock()
        with self._lock:
            reasons = [f"{part}: {reason}" for part, reason in sorted(self._troubles.items())]
            for part in expected:
                if part in self._troubles:
                    continue
                if part not in self._seen:
                    reasons.append(f"{part}: not there yet")
                elif now - self._seen[part] > SILENCE:
                    reasons.append(f"{part}: silent for {now - self._seen[part]:.0f} s")
            return reasons
