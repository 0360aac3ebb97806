"""Every fault is told with its field and mend, all at once."""

from typing import Any

import orjson
import pytest

from schemas.cloudevent import from_batch, from_structured
from schemas.problems import ErrorClass, InvalidMessage
from tests.notices import (
    ATTRIBUTES,
    CITIZEN,
    DATA,
    EVENT,
    HTTP,
    KAFKA_HEADERS,
    KEY,
    LISTS,
    MESSAGE,
    NOW,
    only,
    refused,
    refused_http,
    refused_kafka,
    with_header,
)

MISSING = object()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"{", "line 1, column"),
        (b"not json", "is not JSON"),
        (b"{} {}", "is not JSON"),
        (b'{"a": NaN}', "is not JSON"),
        (b'{"a": "\\ud800"}', "is not JSON"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "is not UTF-8"),
        ('{"a": 1}'.encode("utf-32"), "is not UTF-8"),
        ('{"a": "æ"}'.encode("latin-1"), "is not UTF-8"),
        (b"[" * 33 + b"]" * 33, "nested more than 32 deep"),
        (b'{"data":' * 500 + b"1" + b"}" * 500, "nested more than 32 deep"),
        (b"[" * 100_000, "is not JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "is not JSON"),
    ],
)
def test_a_body_that_cannot_be_read_is_told_why(body: bytes, words: str) -> None:
    refusal = refused(body)
    assert refusal.error_class is ErrorClass.NOT_DECODABLE
    assert only(refusal).field == "body"
    assert words in only(refusal).problem
    assert only(refused_http(HTTP, body)).field == "data"
    with pytest.raises(InvalidMessage) as whole:
        from_batch(body, KEY, LISTS, NOW, 500)
    assert whole.value.error_class is ErrorClass.NOT_DECODABLE


def test_32_levels_are_read() -> None:
    refusal = refused(orjson.dumps({**ATTRIBUTES, "data": orjson.loads(b"[" * 31 + b"]" * 31)}))
    assert (refusal.error_class, only(refusal).field) == (ErrorClass.INVALID, "data")


def test_no_cause_carries_the_input() -> None:
    for body in (b'{"secret', orjson.dumps({**EVENT, "data": {**DATA, "observed_on": "secret"}})):
        refusal = refused(body)
        assert refusal.__cause__ is None
        assert refusal.__context__ is None


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"text"', b"true"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert refused(body).error_class is ErrorClass.INVALID
    assert only(refused(body)).field == "body"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("specversion", "0.3", 'send "1.0"'),
        ("specversion", 1.0, 'send "1.0"'),
        ("specversion", MISSING, "is missing"),
        ("id", MISSING, "is missing"),
        ("id", None, "is missing"),
        ("id", 7, "a number"),
        ("id", "9169d312143f5249b5f49ceb412dfca0", "UUID with its four hyphens"),
        ("id", "9169d312-143f-5249-b5f4-9ceb412dfca0\n", "UUID"),
        ("source", MISSING, "is missing"),
        ("source", "280051", "6 characters, digits"),
        ("source", ["/gateway"], "a list"),
        ("type", MISSING, "is missing"),
        ("type", "dk.overgang.dropout-risk.v2", "dropout-risk"),
        ("type", "dropout-risk", "12 characters"),
        ("time", MISSING, "is missing"),
        ("time", "2026-06-22T10:00:00", "has no offset"),
        ("time", "2026-06-22", "RFC 3339"),
        ("time", "2026-02-31T10:00:00Z", "RFC 3339"),
        ("time", "2026-06-22T10:00:00+25:00", "RFC 3339"),
        ("time", "0001-01-01T00:00:00+01:00", "RFC 3339"),
        ("time", 1_750_000_000, "a number"),
        ("time", "2026-07-02T12:00:01Z", "24 hours in the future"),
        ("datacontenttype", "text/plain", "application/json"),
        ("datacontenttype", "application/json; charset=iso-8859-1", "UTF-8"),
        ("datacontenttype", 7, "a number"),
        ("correlationid", "", "printable"),
        ("correlationid", "a" * 257, "257 characters"),
        ("causationid", "a\x00b", "printable"),
        ("traceparent", {"a": 1}, "an object"),
        ("correlationid", "7405034123", "personal number"),
        ("data", MISSING, "is missing"),
        ("data", None, "is missing"),
        ("data", [DATA], "must be an object"),
        ("data", "{}", "must be an object"),
        ("data_base64", "e30=", "send data as a JSON object"),
        ("corelationid", "c-1", "is unknown"),
        ("dataContentType", "application/json", "is unknown"),
    ],
)
def test_each_wrong_attribute_is_named_with_its_mend(name: str, value: Any, words: str) -> None:
    event = {key: content for key, content in {**EVENT, name: value}.items() if content is not MISSING}
    refusal = refused(orjson.dumps(event))
    assert refusal.error_class is ErrorClass.INVALID
    assert only(refusal).field == name
    assert words in str(only(refusal))


@pytest.mark.parametrize(
    ("field", "data"),
    [
        ("data.citizen.cpr", {"citizen": {"cpr": "740503412"}}),
        ("data.citizen.cpr", {"citizen": {"cpr": "9102034123"}}),  # 31 February, as a replacement number
        ("data.citizen.cpr", {"citizen": {"cpr": 7405034123}}),
        ("data.citizen", {"citizen": {"foreign_id": {"country": "DE", "number": "---"}}}),
        ("data.citizen", {"citizen": {"family_name": "Testesen"}}),
        ("data.citizen.forname", {"citizen": {**CITIZEN, "forname": "Alma"}}),
        ("data.enrolment_id", {"enrolment_id": "740503-4123"}),
        ("data.enrolment_id", {"enrolment_id": "E\x001"}),
        ("data.note", {"note": "a\x00b"}),
        ("data.note", {"note": "a" * 501}),
        ("data.observed_on", {"observed_on": "2026-02-31"}),
        ("data.observed_on", {"observed_on": "22-06-2026"}),
        ("data.absence_percent", {"absence_percent": 101}),
        ("data.absence_percent", {"absence_percent": "10"}),
        ("data.reasons[0]", {"reasons": ["absence"]}),
        ("data.obseved_on", {"obseved_on": "2026-06-22"}),
        ("data.notice_id", {"event": "WITHDRAWN"}),
    ],
)
def test_each_wrong_field_of_the_data_is_named(field: str, data: dict[str, Any]) -> None:
    refusal = refused(orjson.dumps({**EVENT, "data": {**DATA, **data}}))
    assert refusal.error_class is ErrorClass.INVALID
    assert only(refusal).field == field


def test_faults_of_envelope_and_data_are_told_together() -> None:
    event = {**EVENT, "id": "1", "time": "now", "extra": 1, "source": "/municipality/751"}
    event["data"] = {**DATA, "observed_on": "x", "citizen": {"cpr": "1"}}
    refusal = refused(orjson.dumps(event))
    assert refusal.error_class is ErrorClass.INVALID
    assert {problem.field for problem in refusal.problems} == {
        "id",
        "time",
        "extra",
        "source",
        "data.observed_on",
        "data.citizen.cpr",
    }


def test_a_sender_of_another_role_is_forbidden_and_told_who_may_send() -> None:
    refusal = refused(orjson.dumps({**EVENT, "source": "/municipality/751"}))
    assert refusal.error_class is ErrorClass.FORBIDDEN
    assert only(refusal).field == "source"
    assert "institution" in only(refusal).mend
    assert refused_http({**HTTP, "ce-source": "/gateway"}).error_class is ErrorClass.FORBIDDEN
    assert refused_kafka(with_header("ce_source", b"/gateway")).error_class is ErrorClass.FORBIDDEN


def padded(size: int) -> dict[str, Any]:
    """Data whose compact JSON has exactly so many bytes."""
    empty = len(orjson.dumps({**DATA, "note": ""}))
    return {**DATA, "note": "a" * (size - empty)}


def test_more_than_64_kib_of_data_is_too_large_and_64_kib_are_judged() -> None:
    fits, large = padded(65_536), padded(65_537)
    for refusal in (
        refused(orjson.dumps({**EVENT, "data": fits})),
        refused_http(HTTP, orjson.dumps(fits)),
    ):
        assert (refusal.error_class, only(refusal).field) == (ErrorClass.INVALID, "data.note")
    (in_batch,) = from_batch(orjson.dumps([{**EVENT, "data": large}]), KEY, LISTS, NOW, 500)
    assert isinstance(in_batch, InvalidMessage)
    for refusal in (
        refused(orjson.dumps({**EVENT, "data": large})),
        refused_http(HTTP, orjson.dumps(large)),
        refused_kafka(list(KAFKA_HEADERS), b"\x00" * 65_537),
        in_batch,
        refused(b" " * 600_000),
    ):
        assert refusal.error_class is ErrorClass.TOO_LARGE
        assert "bytes" in only(refusal).problem


def test_spaces_around_an_event_do_not_make_it_large() -> None:
    body = b" " * 100_000 + orjson.dumps(EVENT)
    assert from_structured(body, KEY, LISTS, NOW) == MESSAGE
