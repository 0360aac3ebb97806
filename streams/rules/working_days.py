"""Danish working days, and calendar months that are clamped to the month's end.

A working day is Monday to Friday, not a public holiday, and not 5 June, 24 or 31 December (rules.md:
Dates). Great Prayer Day was a holiday until 2023.
"""

from calendar import monthrange
from datetime import date, timedelta
from functools import cache, lru_cache

import holidays

_DAYS_OFF = ((6, 5), (12, 24), (12, 31))
_ONE_DAY = timedelta(days=1)
_SATURDAY = 5


@cache
def _days_off(year: int) -> frozenset[date]:
    public = holidays.country_holidays("DK", years=year)
    return frozenset(public) | {date(year, month, day) for month, day in _DAYS_OFF}


def is_working_day(day: date) -> bool:
    return day.weekday() < _SATURDAY and day not in _days_off(day.year)


@lru_cache(maxsize=4096)
def add_working_days(day: date, count: int) -> date:
    """The `count`-th working day after `day`; `day` itself never counts."""
    while count:
        day += _ONE_DAY
        count -= is_working_day(day)
    return day


@lru_cache(maxsize=4096)
def last_of_month(day: date) -> date:
    return date(day.year, day.month, monthrange(day.year, day.month)[1])


@lru_cache(maxsize=4096)
def add_months(day: date, count: int) -> date:
    """The same day `count` months later, or the month's last: 31 August + 6 is 28 or 29 February."""
    years, month = divmod(day.month - 1 + count, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
