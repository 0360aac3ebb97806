"""Whatever is sent, an entry answers with a message or with InvalidMessage, which repeats nothing of it."""

from contextlib import suppress
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.cloudevent import from_batch, from_http_binary, from_kafka, from_structured
from schemas.problems import InvalidMessage
from tests.notices import (
    ATTRIBUTES,
    DATA,
    EVENT,
    HTTP,
    KAFKA_HEADERS,
    KAFKA_VALUE,
    KEY,
    LISTS,
    NOW,
    refused,
    refused_http,
    refused_kafka,
)


def invalid_or_read(entry: Any, *arguments: Any) -> None:
    """Call an entry; anything it raises but InvalidMessage fails the test."""
    with suppress(InvalidMessage):
        entry(*arguments, KEY, LISTS, NOW)


def whole_batch(*given: Any) -> list[Any]:
    return list(from_batch(*given, 500))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
HEADER_NAMES = st.sampled_from([*HTTP, "content-type", "ce-", "ce-x"]) | st.text()
KAFKA_NAMES = st.sampled_from([name for name, _ in KAFKA_HEADERS] + ["ce_", "ce_x"]) | st.text()


@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_but_invalid_message(body: bytes) -> None:
    invalid_or_read(from_structured, body)
    invalid_or_read(whole_batch, body)
    invalid_or_read(from_http_binary, HTTP, body)
    invalid_or_read(from_kafka, "dropout-risk", KAFKA_HEADERS, body)
    invalid_or_read(from_kafka, "dropout-risk", KAFKA_HEADERS, KAFKA_VALUE[:5] + body)


@given(st.dictionaries(HEADER_NAMES, st.text()), st.lists(st.tuples(KAFKA_NAMES, st.none() | st.binary())))
def test_random_headers_raise_nothing_but_invalid_message(
    headers: dict[str, str], pairs: list[tuple[str, bytes | None]]
) -> None:
    invalid_or_read(from_http_binary, {**HTTP, **headers}, orjson.dumps(DATA))
    invalid_or_read(from_kafka, "dropout-risk", pairs, KAFKA_VALUE)


@given(st.sampled_from([*EVENT, "subject", "unheard"]), JSON, st.sampled_from([*DATA, "note"]), JSON)
@settings(max_examples=200)
def test_random_values_raise_nothing_but_invalid_message(name: str, one: Any, field: str, other: Any) -> None:
    invalid_or_read(from_structured, orjson.dumps({**EVENT, "data": {**DATA, field: other}, name: one}))


SECRET = st.text("BCDFGHJKLMNPQRSTVWXZ", min_size=12, max_size=12) | st.integers(10**11, 10**12 - 1).map(str)


@given(SECRET, st.sampled_from([*ATTRIBUTES, "datacontenttype", "correlationid", "data_base64", "x"]))
def test_no_value_of_the_input_stands_in_a_refusal(secret: str, name: str) -> None:
    contact = {"name": [secret], "email": secret, "phone": {"a": secret}}
    citizen = {"cpr": secret, "foreign_id": secret, "birth_date": secret, "residence_municipality": secret}
    data = {**DATA, "observed_on": secret, "event": secret, "reasons": [secret], "citizen": citizen}
    event = {**EVENT, name: f"{secret}\x00", "data": {**data, "contact": contact, "unknown": secret}}
    headers = [(header, secret.encode()) for header, _ in KAFKA_HEADERS]
    for refusal in (
        refused(orjson.dumps(event)),
        refused_kafka([*headers, ("ce_x", secret.encode())], secret.encode()),
        refused_http(dict.fromkeys([*HTTP, "content-type", "ce-x"], secret), orjson.dumps(data)),
        refused_http(dict.fromkeys(HTTP, secret + "é%"), secret.encode() + b"x"),
    ):
        assert secret not in str(refusal)


@given(st.integers(10**9, 10**12).map(str))
def test_a_number_in_place_of_a_field_name_is_not_repeated(number: str) -> None:
    for name in (number, f"cpr{number}", f"{number[:6]}-{number[6:]}"):
        refusal = refused(orjson.dumps({**EVENT, name: 1, "data": {**DATA, name: 1}}))
        assert len(refusal.problems) == 2
        assert name not in str(refusal)
        assert name not in str(refused_http({**HTTP, f"ce-{name}": "1"}))
        assert name not in str(refused_kafka([*KAFKA_HEADERS, (f"ce_{name}", b"1")]))
