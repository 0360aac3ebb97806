"""Token buckets: whoever has used up its own waits, and nobody else does."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
_KEPT: Final = 10_000
"""Buckets at a time; the one that was not asked for longest is forgotten, which is by then a full one."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second in the long run, and at most `burst` at once after a pause."""

    per_second: int
    burst: int


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rates(Generic[Key]):
    """A bucket of one rate for each key; for one event loop."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._buckets: OrderedDict[Key, _Bucket] = OrderedDict()

    def take(self, key: Key, wanted: int = 1) -> int:
        """Take up to `wanted` tokens; how many there were."""
        bucket = self._filled(key)
        taken = min(wanted, int(bucket.tokens))
        bucket.tokens -= taken
        return taken

    def seconds_until(self, key: Key, wanted: int = 1) -> int:
        """Whole seconds, at least 1, until `wanted` tokens are there, or a whole burst where that is less."""
        missing = min(wanted, self.rate.burst) - self._filled(key).tokens
        return max(1, math.ceil(missing / self.rate.per_second))

    def _filled(self, key: Key) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self.rate.burst, now)
            if len(self._buckets) > _KEPT:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        grown = bucket.tokens + (now - bucket.at) * self.rate.per_second
        bucket.tokens, bucket.at = min(self.rate.burst, grown), now
        return bucket
