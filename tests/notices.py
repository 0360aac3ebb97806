"""A valid dropout notice in three bindings, and how a changed one is refused."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from schemas.cloudevent import from_http_binary, from_kafka, from_structured, to_kafka
from schemas.code_lists import shipped
from schemas.problems import InvalidMessage, Problem
from schemas.pseudonym import PseudonymKey

KEY = PseudonymKey(bytes(range(32)))
LISTS = shipped()
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
CITIZEN = {"cpr": "7405034123", "family_name": "Testesen"}
DATA = {
    "citizen": CITIZEN,
    "enrolment_id": "E1",
    "event": "RAISED",
    "observed_on": "2026-06-22",
    "reasons": ["ABSENCE"],
}
ATTRIBUTES = {
    "specversion": "1.0",
    "id": "9169d312-143f-5249-b5f4-9ceb412dfca0",
    "source": "/institution/280051",
    "type": "dk.overgang.dropout-risk.v1",
    "time": "2026-06-22T10:00:00+02:00",
}
EVENT: dict[str, Any] = {**ATTRIBUTES, "data": DATA}
HTTP = {f"ce-{name}": text for name, text in ATTRIBUTES.items()}
MESSAGE = from_structured(orjson.dumps(EVENT), KEY, LISTS, NOW)
KAFKA_KEY, KAFKA_HEADERS, KAFKA_VALUE = to_kafka(MESSAGE)


def refused(body: bytes) -> InvalidMessage:
    with pytest.raises(InvalidMessage) as refusal:
        from_structured(body, KEY, LISTS, NOW)
    return refusal.value


def refused_http(headers: dict[str, str], body: bytes = orjson.dumps(DATA)) -> InvalidMessage:
    with pytest.raises(InvalidMessage) as refusal:
        from_http_binary(headers, body, KEY, LISTS, NOW)
    return refusal.value


def refused_kafka(
    headers: list[tuple[str, bytes | None]], value: bytes | None = KAFKA_VALUE
) -> InvalidMessage:
    with pytest.raises(InvalidMessage) as refusal:
        from_kafka("dropout-risk", headers, value, KEY, LISTS, NOW)
    return refusal.value


def with_header(name: str, value: bytes | None) -> list[tuple[str, bytes | None]]:
    return [(n, value if n == name else v) for n, v in KAFKA_HEADERS]


def only(refusal: InvalidMessage) -> Problem:
    assert len(refusal.problems) == 1, refusal
    assert refusal.problems[0].problem
    assert refusal.problems[0].mend
    return refusal.problems[0]
