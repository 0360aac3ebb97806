"""Medians, percentiles and intervals are those of the books."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.numbers.measures import median_interval, percentile, share_interval


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [
        ([1], 0.5, 1.0),
        ([1, 2], 0.5, 1.5),
        ([3, 1, 2], 0.5, 2.0),
        ([1, 2, 3, 10], 0.5, 2.5),
        (range(1, 11), 0.9, 9.0),
        (range(1, 12), 0.9, 10.0),
        ([], 0.5, None),
    ],
)
def test_percentiles_are_of_the_nearest_rank(values: list[int], share: float, wanted: float | None) -> None:
    assert percentile(Counter(values), share) == wanted


@pytest.mark.parametrize(
    ("n", "low", "high"),
    # Tables of the two-sided sign test at 5 %: how many values may lie on one side.
    [(6, 1, 6), (8, 1, 8), (9, 2, 8), (12, 3, 10), (20, 6, 15)],
)
def test_the_interval_of_a_median_is_that_of_the_tables(n: int, low: int, high: int) -> None:
    assert median_interval(Counter(range(1, n + 1))) == (low, high)
    assert median_interval(Counter(range(5))) is None


@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    # Newcombe (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_wilsons(found: int, of: int, low: float, high: float) -> None:
    assert share_interval(found, of) == pytest.approx((low, high), abs=0.00005)


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_share_lies_in_its_interval(found: int, of: int) -> None:
    found = min(found, of)
    low, high = share_interval(found, of)
    assert 0 <= low <= found / of + 1e-12
    assert found / of - 1e-12 <= high <= 1
