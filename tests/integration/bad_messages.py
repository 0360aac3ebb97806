"""Bad input, as a sender's mistakes make it: one table for the HTTP API, for files and, in part, for topics.

Each case is an event with one thing wrong, the class of the fault, and the field that must be named.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.problems import ErrorClass
from tests.integration.api_server import notice

LIMIT = 64 * 1024
NINE_DIGITS = "740503412"
THIRTY_FIRST_OF_FEBRUARY = "9102031234"
"""As a replacement number, whose day is 60 too high."""


def _data_of(size: int) -> dict[str, Any]:
    """A notice whose data takes so many bytes as JSON."""
    empty = notice(note="")
    frame = len(json.dumps(empty["data"], separators=(",", ":")))
    return notice(note="x" * (size - frame))


INVALID, FORBIDDEN, TOO_LARGE = ErrorClass.INVALID, ErrorClass.FORBIDDEN, ErrorClass.TOO_LARGE
WRONG: dict[str, tuple[Any, ErrorClass, str]] = {
    "a CPR of nine digits": (notice(citizen={"cpr": NINE_DIGITS}), INVALID, "data.citizen.cpr"),
    "31 February": (notice(observed_on="2026-02-31"), INVALID, "data.observed_on"),
    "a CPR born on 31 February": (
        notice(citizen={"cpr": THIRTY_FIRST_OF_FEBRUARY}),
        INVALID,
        "data.citizen.cpr",
    ),
    "an unknown field": (notice(abscence_percent=3), INVALID, "data.abscence_percent"),
    "an unknown attribute": (notice() | {"corelationid": "c-1"}, INVALID, "corelationid"),
    "a wrong type": (notice(absence_percent="35"), INVALID, "data.absence_percent"),
    "a time without offset": (notice() | {"time": "2026-02-10T09:30:00"}, INVALID, "time"),
    "an id that is no UUID": (notice() | {"id": "1"}, INVALID, "id"),
    "an unknown type": (notice() | {"type": "dk.overgang.weather.v1"}, INVALID, "type"),
    "an unknown party": (notice() | {"source": "/ministry/1"}, INVALID, "source"),
    "nobody identified": (notice(citizen={}), INVALID, "data.citizen"),
    "a sender that may not": (notice() | {"source": "/municipality/751"}, FORBIDDEN, "source"),
    "64 KiB of data and a byte": (_data_of(LIMIT + 1), TOO_LARGE, "data"),
    "64 KiB of data in a short field": (_data_of(LIMIT), INVALID, "data.note"),
    "a list instead of an event": ([notice()], INVALID, "body"),
    "no data": ({k: v for k, v in notice().items() if k != "data"}, INVALID, "data"),
}


def in_the_far_future() -> dict[str, Any]:
    """A notice of tomorrow and an hour: the gateway refuses it, a file for `decide` may hold it."""
    return notice() | {"time": (datetime.now(UTC) + timedelta(hours=25)).isoformat()}


UNREADABLE = {
    "nothing": b"",
    "no JSON": b"{",
    "two documents": b"{}{}",
    "Latin-1": json.dumps(notice(note="\u00e6"), ensure_ascii=False).encode("latin-1"),
    "UTF-16": json.dumps(notice()).encode("utf-16"),
    "a deep nest": b'{"data":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "a nest just too deep": b'{"data":' + b"[" * 32 + b"]" * 32 + b"}",
    "half a surrogate pair": b'{"id":"\\ud800"}',
}
"""Bytes that are no JSON document that is read; the field is `body`."""
