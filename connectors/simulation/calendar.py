"""Time in a simulation: instants, working hours in Copenhagen, the season of admissions, the pace."""

from datetime import date, datetime, time
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

import holidays

DAY = 86_400
_COPENHAGEN = ZoneInfo("Europe/Copenhagen")
_WEEKS_AT_FULL_PACE = 26
_OPENS, _BUSIEST, _CLOSES, _CLOSES_ON_FRIDAY = 7.5 * 3600, 10 * 3600, 16.5 * 3600, 14.5 * 3600
_FRIDAY = 4
# Admissions by month of the year, January first: the summer intake, and a small one after the new year.
_SEASON = (7.0, 4.0, 0.8, 0.8, 0.8, 1.2, 3.0, 20.0, 5.0, 1.0, 0.8, 0.8)


class Calendar:
    """The window from midnight of `start` for `weeks` weeks.

    An instant is a whole number of seconds of local clock time since that midnight. `pace` is 1.0 from half a
    year on; in a shorter window the gaps of a course (admission, study start, dropout, a mentor's period)
    shrink in proportion, so that a fortnight holds whole courses. What a caseworker needs to react never
    shrinks: deadlines are working days, and some are missed in a fortnight too.
    """

    def __init__(self, start: date, weeks: int) -> None:
        self.days = weeks * 7
        self.end = self.days * DAY
        self.pace = min(1.0, weeks / _WEEKS_AT_FULL_PACE)
        self._origin = start.toordinal()
        dates = [date.fromordinal(self._origin + day) for day in range(self.days)]
        years = {day.year for day in dates} or {start.year}
        closed = {*holidays.country_holidays("DK", years=years), *(date(year, 12, 24) for year in years)}
        self._working = [day.weekday() <= _FRIDAY and day not in closed for day in dates]
        self._closes = [_CLOSES_ON_FRIDAY if day.weekday() == _FRIDAY else _CLOSES for day in dates]
        self._offsets = [_offset(day) for day in dates]
        self._iso: dict[int, str] = {}
        weights = [_SEASON[day.month - 1] if self.pace == 1.0 else 1.0 for day in dates]
        # A compressed window admits in its first third, so that the rest of the course still fits.
        last = self.days if self.pace == 1.0 else max(1, round(self.days * 0.35))
        self._intake = list(accumulate(weights[:last]))

    def iso_date(self, day: int) -> str:
        """ISO date of the `day`-th day of the window; days before and after it are dates too."""
        if (text := self._iso.get(day)) is None:
            text = self._iso[day] = date.fromordinal(self._origin + day).isoformat()
        return text

    def month(self, day: int) -> str:
        """The day's month as YYYY-MM."""
        return self.iso_date(day)[:7]

    def age_turning_day(self, day: int, years: int) -> date:
        """The birth date of one who turns `years` on that day (28 February stands in for the 29th)."""
        on = date.fromordinal(self._origin + day)
        return on.replace(year=on.year - years, day=28 if (on.month, on.day) == (2, 29) else on.day)

    def text(self, instant: int) -> str:
        """RFC 3339 with Copenhagen's offset; the instant lies in the window."""
        day, second = divmod(instant, DAY)
        minute, second = divmod(second, 60)
        hour, minute = divmod(minute, 60)
        return f"{self.iso_date(day)}T{hour:02d}:{minute:02d}:{second:02d}{self._offsets[day]}"

    def intake_day(self, random: Random) -> int:
        """A day of admission, by the season."""
        return random.choices(range(len(self._intake)), cum_weights=self._intake)[0]

    def moment(self, day: int, random: Random) -> int:
        """An instant in working hours on that day or the next working one; `end` where the window is over."""
        day = max(day, 0)
        while day < self.days and not self._working[day]:
            day += 1
        if day >= self.days:
            return self.end
        return day * DAY + int(random.triangular(_OPENS, self._closes[day], _BUSIEST))

    def in_course(self, after: int, days: float, random: Random) -> int:
        """The course goes on about `days` days later at full pace, earlier in a compressed window."""
        return self._after(after, after // DAY + round(days * self.pace), random)

    def reaction(self, after: int, working_days: int, random: Random) -> int:
        """Somebody acts that many working days after an instant."""
        day = after // DAY
        while working_days and day < self.days:
            day += 1
            working_days -= day < self.days and self._working[day]
        return self._after(after, day, random)

    def _after(self, after: int, day: int, random: Random) -> int:
        at = self.moment(day, random)
        return at if at > after else after + random.randint(300, 5_400)


def _offset(day: date) -> str:
    text = datetime.combine(day, time(12), _COPENHAGEN).strftime("%z")
    return f"{text[:3]}:{text[3:]}"
