"""What an endpoint's answer means for a message, and when the next try is."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

LONGEST_WAIT: Final = timedelta(hours=3)
_DOUBLINGS: Final = 20
_PASSING: Final = frozenset({408, 425, 429})
"""Answers of the 4xx that are about the moment, not about the message."""
_NOBODY_BEHIND: Final = frozenset({502, 503, 504})
"""What answers for an endpoint that is away."""
_SECONDS = re.compile(r"[0-9]{1,9}")


class Verdict(StrEnum):
    """What becomes of the message."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """For good: the same message would be refused again."""
    GONE = "gone"
    """The endpoint is there no longer: it is paused, and the message waits."""
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` None: there was none, and `problem` names what failed; neither holds content."""

    status: int | None
    problem: str | None = None
    retry_after: timedelta | None = None

    @property
    def verdict(self) -> Verdict:
        """What becomes of the message."""
        match self.status:
            case int(status) if 200 <= status < 300:
                return Verdict.DELIVERED
            case 410:
                return Verdict.GONE
            case int(status) if 400 <= status < 500 and status not in _PASSING:
                return Verdict.REFUSED
            case _:
                return Verdict.AGAIN

    @property
    def endpoint_is_away(self) -> bool:
        """Whether any other message would have fared alike."""
        return self.status is None or self.status in _NOBODY_BEHIND or 300 <= self.status < 400

    @property
    def hold(self) -> timedelta | None:
        """How long the endpoint asks to be left alone."""
        return self.retry_after if self.status in (429, 503) else None

    def text(self) -> str:
        """What happened, in words for the operator and the sender."""
        if self.status is None:
            return f"no answer: {self.problem}"
        if 300 <= self.status < 400:
            return f"answered {self.status}, a redirect, which is not followed: register the new address"
        return f"answered {self.status}"


def wait_after(attempts: int) -> timedelta:
    """Wait after so many tries in vain: 1, 3, 7, 15, 31 s, and so on to 3 hours."""
    return min(timedelta(seconds=2 ** min(attempts, _DOUBLINGS) - 1), LONGEST_WAIT)


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """What a header Retry-After asks for, seconds or a date, at most 3 hours; None where it is malformed."""
    if header is None:
        return None
    if _SECONDS.fullmatch(header.strip()):
        asked = timedelta(seconds=int(header))
    else:
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return None
        asked = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return max(timedelta(0), min(asked, LONGEST_WAIT))
