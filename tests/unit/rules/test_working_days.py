"""Working days and calendar months, against a paper calendar."""

from datetime import date

import pytest

from streams.rules.working_days import add_months, add_working_days, is_working_day


@pytest.mark.parametrize(
    ("start", "count", "expected", "why"),
    [
        (date(2026, 6, 22), 10, date(2026, 7, 6), "two plain weeks from a Monday"),
        (date(2026, 10, 1), 5, date(2026, 10, 8), "over a weekend"),
        (date(2026, 10, 3), 1, date(2026, 10, 5), "from a Saturday the first is Monday"),
        (date(2026, 4, 1), 1, date(2026, 4, 7), "Easter: Thursday 2 to Monday 6 April are off"),
        (date(2026, 5, 13), 1, date(2026, 5, 15), "Ascension Day, the Friday after it is worked"),
        (date(2026, 6, 4), 1, date(2026, 6, 8), "Constitution Day on a Friday"),
        (date(2026, 12, 23), 1, date(2026, 12, 28), "Christmas Eve on a Thursday"),
        (date(2026, 12, 23), 4, date(2027, 1, 4), "28, 29, 30 December, then 4 January"),
        (date(2023, 5, 4), 1, date(2023, 5, 8), "Great Prayer Day was a holiday in 2023"),
        (date(2024, 4, 25), 1, date(2024, 4, 26), "and is none from 2024"),
        (date(2026, 5, 22), 1, date(2026, 5, 26), "Whit Monday"),
    ],
)
def test_the_nth_working_day_after_a_date(start: date, count: int, expected: date, why: str) -> None:
    assert add_working_days(start, count) == expected, why


def test_the_day_itself_never_counts_and_may_be_a_day_off() -> None:
    assert not is_working_day(date(2026, 12, 31))
    assert add_working_days(date(2026, 12, 31), 1) == date(2027, 1, 4)


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        (date(2023, 8, 31), 6, date(2024, 2, 29)),
        (date(2022, 8, 31), 6, date(2023, 2, 28)),
        (date(2026, 8, 10), 6, date(2027, 2, 10)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
    ],
)
def test_months_are_clamped_to_the_end_of_the_month(start: date, months: int, expected: date) -> None:
    assert add_months(start, months) == expected
