"""Medians, percentiles, shares, and the intervals in which they lie with 95 % confidence.

Sources: E. B. Wilson, "Probable inference" (JASA 1927) for shares; for medians the distribution-free interval
between two order statistics (binomial with one half).
"""

from collections import Counter
from collections.abc import Iterator
from math import comb, sqrt
from typing import Final

_Z: Final = 1.959963984540054
"""Quantile of the normal distribution at 97.5 %."""
_TAIL: Final = 0.025
Interval = tuple[float, float]


def _in_order(days: Counter[int]) -> Iterator[int]:
    for value in sorted(days):
        for _ in range(days[value]):
            yield value


def percentile(days: Counter[int], share: float) -> float | None:
    """The smallest value that at least that share lies at or below (nearest rank); None of nothing.

    At one half of an even number: the mean of the two in the middle, as a median is.
    """
    values = list(_in_order(days))
    if not values:
        return None
    exact = share * len(values)
    rank = max(1, -int(-exact // 1))
    if share == 0.5 and exact == rank:
        return (values[rank - 1] + values[rank]) / 2
    return float(values[rank - 1])


def median_interval(days: Counter[int]) -> Interval | None:
    """The narrowest symmetric pair of order statistics with 95 %; None of fewer than six values."""
    values = list(_in_order(days))
    n, below = len(values), 0.0
    rank = 0
    while rank < n // 2 and below + comb(n, rank) / 2**n <= _TAIL:
        below += comb(n, rank) / 2**n
        rank += 1
    return (float(values[rank - 1]), float(values[n - rank])) if rank else None


def share_interval(found: int, of: int) -> Interval:
    """Wilson's interval of a share; 0 to 1 of nothing."""
    if not of:
        return 0.0, 1.0
    share, squared = found / of, _Z * _Z
    middle = (share + squared / (2 * of)) / (1 + squared / of)
    half = _Z * sqrt(share * (1 - share) / of + squared / (4 * of * of)) / (1 + squared / of)
    return max(0.0, middle - half), min(1.0, middle + half)
