"""A fault for the example of each kind of problem that names fields, by the kind's slug."""

from collections.abc import Mapping
from typing import Final

from schemas.problems import Problem

FAULTS: Final[Mapping[str, Problem]] = {
    "unreadable-message": Problem("body", "is not JSON (line 1)", "send one JSON object in UTF-8"),
    "invalid-message": Problem(
        "data.institution",
        "is not valid (text of 3 digits)",
        "send the institution number as text of 6 digits",
    ),
    "sender-not-allowed": Problem(
        "source",
        "this role (municipality) may not send dropout-risk",
        "let institution send it, or correct type",
    ),
    "message-too-large": Problem("data", "has more than 65536 bytes", "shorten its texts"),
    "rate-limited": Problem(
        "limit messages_per_second",
        "is reached: 200 a second for one party, at most 5000 at once",
        "wait the seconds in Retry-After; the operator sets the limit",
    ),
    "too-much-at-once": Problem("limit batches_at_once", "4 are in hand", "wait until some are answered"),
    "unsupported-content-type": Problem(
        "header content-type", "is not read here", "send application/cloudevents+json"
    ),
    "invalid-request": Problem("query.limit", "is malformed", "Input should be less than or equal to 1000"),
}
