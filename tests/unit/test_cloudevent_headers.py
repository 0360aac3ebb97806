"""Faults in the headers of HTTP and Kafka, and in Kafka values, are told by the header's name."""

import orjson
import pytest

from schemas import wire
from schemas.cloudevent import from_http_binary, from_kafka
from schemas.flows import FLOWS
from schemas.problems import ErrorClass, InvalidMessage
from tests.notices import (
    ATTRIBUTES,
    DATA,
    HTTP,
    KAFKA_HEADERS,
    KAFKA_VALUE,
    KEY,
    LISTS,
    MESSAGE,
    NOW,
    only,
    refused_http,
    refused_kafka,
    with_header,
)


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"ce-id": None}, "ce-id", "is missing"),
        ({"ce-source": "/institution/%FF"}, "ce-source", "is not UTF-8"),
        ({"ce-source": "/institution/28005é"}, "ce-source", "beyond ASCII"),
        ({"ce-datacontenttype": "application/json"}, "ce-datacontenttype", "is unknown"),
        ({"ce-idd": "1"}, "ce-idd", "is unknown"),
        ({"Content-Type": "text/xml"}, "content-type", "application/json"),
        ({"Content-Type": "application/json;charset=latin-1"}, "content-type", "UTF-8"),
    ],
)
def test_each_wrong_http_header_is_named(changed: dict[str, str | None], field: str, words: str) -> None:
    headers = {name: text for name, text in {**HTTP, **changed}.items() if text is not None}
    problem = only(refused_http(headers))
    assert problem.field == field
    assert words in str(problem)


def test_other_http_headers_and_utf8_json_are_left_alone() -> None:
    headers = {
        **HTTP,
        "content-type": 'application/json; charset="UTF-8"',
        "user-agent": "é",
        "traceparent": "x",
    }
    assert from_http_binary(headers, orjson.dumps(DATA), KEY, LISTS, NOW) == MESSAGE


@pytest.mark.parametrize("name", ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"])
def test_each_missing_or_unreadable_kafka_header_is_named(name: str) -> None:
    without = [(other, value) for other, value in KAFKA_HEADERS if other != name]
    assert (only(refused_kafka(list(without))).field, only(refused_kafka(list(without))).problem) == (
        name,
        "is missing",
    )
    assert only(refused_kafka(with_header(name, b"\xff"))).field == name
    assert only(refused_kafka(with_header(name, None))).field == name
    twice = only(refused_kafka([*KAFKA_HEADERS, (name, b"x")]))
    assert (twice.field, twice.problem) == (name, "stands there twice")


def test_a_type_of_another_topic_is_refused() -> None:
    problem = only(refused_kafka(with_header("ce_type", b"dk.overgang.enrolment.v1")))
    assert (problem.field, problem.problem) == ("ce_type", "belongs to another topic")


def test_a_value_of_another_flows_schema_is_refused() -> None:
    data = {"retracts": ATTRIBUTES["id"], "reason": "x"}
    value = wire.encode(
        FLOWS["correction"].schema_name, FLOWS["correction"].model.model_validate(data).model_dump()
    )
    assert (only(refused_kafka(list(KAFKA_HEADERS), value)).problem) == "has the schema of another flow"


@pytest.mark.parametrize(
    ("value", "error_class"),
    [
        (None, ErrorClass.NOT_DECODABLE),
        (b"", ErrorClass.NOT_DECODABLE),
        (orjson.dumps(DATA), ErrorClass.NOT_DECODABLE),
        (KAFKA_VALUE[:-1], ErrorClass.NOT_DECODABLE),
        (KAFKA_VALUE + b"\x00", ErrorClass.NOT_DECODABLE),
        (b"\x00\x00\x0f\xff\xff" + KAFKA_VALUE[5:], ErrorClass.UNKNOWN_SCHEMA),
    ],
)
def test_a_kafka_value_that_cannot_be_read_is_told(value: bytes | None, error_class: ErrorClass) -> None:
    refusal = refused_kafka(list(KAFKA_HEADERS), value)
    assert (refusal.error_class, only(refusal).field) == (error_class, "value")
    both = refused_kafka(with_header("ce_id", b"1"), value)
    assert both.error_class is error_class
    assert [problem.field for problem in both.problems] == ["ce_id", "value"]


def test_no_headers_at_all_name_the_five_that_are_needed() -> None:
    with pytest.raises(InvalidMessage) as refusal:
        from_kafka("dropout-risk", None, KAFKA_VALUE, KEY, LISTS, NOW)
    assert [problem.field for problem in refusal.value.problems] == [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_time",
        "ce_type",
    ]
