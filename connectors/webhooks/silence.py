"""Whether an endpoint is away: several messages on end brought no connection, a 502 to 504, or a redirect."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

AWAY_AFTER: Final = 5
_FIRST_PAUSE: Final = timedelta(seconds=1)
_LONGEST_PAUSE: Final = timedelta(minutes=5)


class Silence:
    """Counts messages, not tries: one that fails again and again by itself is no sign. `now` is aware."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._in_vain: set[int] = set()
        self._pause = timedelta(0)
        self._again_at: datetime | None = None

    @property
    def away(self) -> bool:
        """Whether nothing was heard for so many messages."""
        return len(self._in_vain) >= AWAY_AFTER

    def goes_on(self, sequence: int) -> None:
        """A try of this message brought nothing; pauses between tries double to five minutes."""
        self._in_vain.add(sequence)
        if self.away:
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._again_at = self._now() + self._pause

    def ends(self) -> None:
        """Something was heard."""
        self._in_vain.clear()
        self._pause, self._again_at = timedelta(0), None

    def rests(self, now: datetime) -> bool:
        """Whether nothing is tried at this instant."""
        return self._again_at is not None and now < self._again_at
