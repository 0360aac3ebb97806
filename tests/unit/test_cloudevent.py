"""Valid messages in every binding, and how they are written again."""

import copy
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, cast

import orjson
import pytest
from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.cloudevent import (
    attributes_of,
    content_digest,
    from_batch,
    from_http_binary,
    from_kafka,
    from_structured,
    to_kafka,
    to_structured,
)
from schemas.code_lists import shipped
from schemas.flows import FLOWS
from schemas.identifiers import Flow
from schemas.message import Message
from schemas.problems import ErrorClass, InvalidMessage
from schemas.pseudonym import PseudonymKey, case_key_of_eu, pseudonym_of_citizen
from tests.strategies import DATA, events

KEY = PseudonymKey(bytes(range(32)))
LISTS = shipped()
NOW = datetime(2026, 7, 1, tzinfo=UTC)
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "9169d312-143f-5249-b5f4-9ceb412dfca0",
    "source": "/institution/280051",
    "type": "dk.overgang.enrolment.v1",
    "time": "2026-06-22T10:00:00+02:00",
    "datacontenttype": "application/json",
    "data": {
        "citizen": {"cpr": "740503-4123", "residence_municipality": "751"},
        "enrolment_id": "E1",
        "event": "ADMITTED",
        "education": {"code": "3017", "qualifies": "VOCATIONAL"},
        "admitted_on": "2026-06-22",
    },
}
EU_EVENT = {
    "specversion": "1.0",
    "id": "584061d5-709a-59ba-bd13-82c7e70f4e4e",
    "source": "/municipality/751",
    "type": "dk.overgang.eu-registration.v1",
    "time": "2026-03-11T10:00:00+01:00",
    "data": {
        "citizen": {"family_name": "Muster", "forename": "Erika", "birth_date": "1990-03-04"},
        "eu_case_id": "EU-1",
        "registered_on": "2026-03-11",
        "document_presented": True,
        "competent_institution": {"id": "DE:0411"},
        "ceased_available_on": "2026-03-02",
        "legal_basis": "ART_64",
    },
}


def read(event: dict[str, Any]) -> Message:
    return from_structured(orjson.dumps(event), KEY, LISTS, NOW)


def varied(event: dict[str, Any], /, **data: Any) -> dict[str, Any]:
    return {**event, "data": {**event["data"], **data}}


def correction(**data: Any) -> Message:
    event = {**EVENT, "type": "dk.overgang.correction.v1", "data": {"reason": "typed wrongly", **data}}
    return read({**event, "source": "/municipality/751"})


def test_an_event_becomes_a_message_with_normal_forms() -> None:
    message = read(
        {**EVENT, "id": EVENT["id"].upper(), "causationid": "c-1", "subject": "whoever", "sequence": 7}
    )
    assert message.envelope.id == "9169d312-143f-5249-b5f4-9ceb412dfca0"
    assert message.envelope.flow == "enrolment"
    assert message.envelope.time == datetime(2026, 6, 22, 8, tzinfo=UTC)
    assert message.envelope.causationid == "c-1"
    assert message.data["citizen"]["cpr"] == "7405034123"
    assert message.data["admitted_on"] == date(2026, 6, 22)
    assert message.data["ended_on"] is None
    assert message.subject == message.case_key
    assert message.subject == pseudonym_of_citizen(KEY, {"cpr": "7405034123"}, institution=None)
    assert message.warnings == ("REPLACEMENT_CPR",)


@given(st.sampled_from(sorted(DATA)).flatmap(lambda flow: events(cast(Flow, flow))))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_a_message_is_the_same_through_every_binding(event: dict[str, Any]) -> None:
    message = read(event)
    key, headers, value = to_kafka(message)
    assert from_kafka(message.envelope.flow, headers, value, KEY, LISTS, NOW) == message
    assert key.decode() == (message.case_key or message.envelope.id)
    written = to_structured(attributes_of(message.envelope, message.subject), message.data)
    assert read(orjson.loads(orjson.dumps(written))) == message
    assert list(from_batch(orjson.dumps([event, event]), KEY, LISTS, NOW, 500)) == [message, message]
    attributes = {name: event[name] for name in event.keys() - {"data", "datacontenttype"}}
    binary = {f"CE-{name}": text for name, text in attributes.items()}
    assert from_http_binary(binary, orjson.dumps(event["data"]), KEY, LISTS, NOW) == message


@given(st.sampled_from(sorted(DATA)).flatmap(lambda flow: events(cast(Flow, flow))))
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_keys_and_headers_hold_no_identifier(event: dict[str, Any]) -> None:
    message = read(event)
    key, headers, _ = to_kafka(message)
    citizen = message.data.get("citizen") or {}
    seen = key + b" ".join(value for _, value in headers)
    for field in ("cpr", "family_name", "forename"):
        if len(citizen.get(field) or "") > 3:
            assert citizen[field].encode() not in seen


def test_an_eu_registration_is_keyed_by_its_case_and_names_its_person() -> None:
    message = read(EU_EVENT)
    assert message.case_key == case_key_of_eu(KEY, "EU-1")
    person = {"family_name": "MUSTER", "forename": "erika", "birth_date": date(1990, 3, 4)}
    assert message.subject == pseudonym_of_citizen(KEY, person, institution="DE:0411")


def test_an_eu_event_may_name_nobody() -> None:
    data = {"eu_case_id": "EU-1", "event": "SED_SENT", "on": "2026-03-12", "sed_type": "U009"}
    message = read({**EU_EVENT, "type": "dk.overgang.eu-event.v1", "source": "/gateway", "data": data})
    assert message.subject is None
    assert message.case_key == case_key_of_eu(KEY, "EU-1")


def test_a_correction_is_about_whom_it_assigns_or_merges_into_else_about_nobody() -> None:
    old, new = {"cpr": "7405034123"}, {"cpr": "7505034123"}
    old_name, new_name = (pseudonym_of_citizen(KEY, one, institution=None) for one in (old, new))
    retracting = correction(retracts=EVENT["id"])
    assert (retracting.subject, retracting.case_key, retracting.assigned) == (None, None, None)
    assert to_kafka(retracting)[0] == retracting.envelope.id.encode()
    of_citizen = correction(assigns={"citizen": old, "municipality": "751"})
    assert (of_citizen.subject, of_citizen.case_key, of_citizen.assigned) == (old_name,) * 3
    of_case = correction(assigns={"eu_case_id": "EU-1", "municipality": "751"})
    assert (of_case.subject, of_case.case_key) == (None, case_key_of_eu(KEY, "EU-1"))
    assert of_case.assigned == of_case.case_key
    merging = correction(merges={"citizen": old, "into": new})
    assert (merging.subject, merging.case_key) == (new_name, new_name)
    assert merging.merged == (old_name, new_name)
    both = correction(merges={"citizen": old, "into": new}, assigns={"citizen": old, "municipality": "751"})
    assert (both.subject, both.assigned, both.merged) == (old_name, old_name, (old_name, new_name))


def test_a_check_digit_that_does_not_fit_is_a_warning() -> None:
    first = f"{14:02}05034000"
    warnings = {
        warning
        for last in range(2)
        for warning in read(varied(EVENT, citizen={"cpr": f"{int(first) + last:010}"})).warnings
    }
    assert warnings == {"CPR_MOD11"}


@pytest.mark.parametrize(
    "event",
    [
        varied(EVENT, citizen={"cpr": "7405034123", "residence_municipality": "411"}),
        {**EVENT, "time": "2006-12-31T23:59:59+01:00"},  # municipality 751 begins on 2007-01-01
        varied(EU_EVENT, competent_institution={"id": "GR:1"}),
        varied(EU_EVENT, citizen={"foreign_id": {"country": "GR", "number": "1"}}),
        {**EU_EVENT, "source": "/municipality/999"},
        {
            **EU_EVENT,
            "type": "dk.overgang.eu-event.v1",
            "data": {"eu_case_id": "EU-1", "event": "SED_SENT", "on": "2026-03-12", "sed_type": "U099"},
        },
        {
            **EU_EVENT,
            "type": "dk.overgang.citizen-status.v1",
            "data": {
                "citizen": {"cpr": "7405034123"},
                "responsible": True,
                "target_group": "LAB_6_14",
                "valid_from": "2026-03-01",
            },
        },
    ],
)
def test_a_code_that_its_list_does_not_know_is_a_warning(event: dict[str, Any]) -> None:
    assert "UNKNOWN_CODE" in read(event).warnings


def test_known_codes_give_no_warning() -> None:
    assert read(EU_EVENT).warnings == ()
    assert read(varied(EU_EVENT, competent_institution={"id": "UK:1"})).warnings == ()


def test_lists_are_asked_for_the_danish_day() -> None:
    # 31 December 2006, 23:30 UTC is already 2007 in Denmark.
    assert "UNKNOWN_CODE" not in read({**EVENT, "time": "2006-12-31T23:30:00Z"}).warnings


def test_the_digest_tells_contents_apart_and_not_their_writing() -> None:
    digest = content_digest(read(EVENT))
    assert len(digest) == 16
    same = copy.deepcopy(EVENT)
    same["time"] = "2026-06-22T08:00:00.000Z"
    same["data"]["citizen"]["cpr"] = "7405034123"
    same["data"]["ended_on"] = None
    same["correlationid"] = "another"
    assert content_digest(read(same)) == digest
    assert content_digest(read({**EVENT, "time": "2026-06-22T10:00:01+02:00"})) != digest
    assert content_digest(read(varied(EVENT, event="STARTED"))) != digest


def test_a_batch_tells_for_each_event_what_became_of_it() -> None:
    good, bad, worse = from_batch(orjson.dumps([EVENT, {**EVENT, "id": "1"}, 7]), KEY, LISTS, NOW, 500)
    assert isinstance(good, Message)
    assert isinstance(bad, InvalidMessage)
    assert [problem.field for problem in bad.problems] == ["id"]
    assert isinstance(worse, InvalidMessage)


@pytest.mark.parametrize(
    ("body", "error_class"),
    [
        (b"[]", ErrorClass.INVALID),
        (b"[{},{},{}]", ErrorClass.TOO_LARGE),
        (b"[[" + b"0," * 2_001 + b"0]]", ErrorClass.TOO_LARGE),
    ],
)
def test_a_batch_of_none_or_of_too_many_is_refused_before_any_event_is_looked_at(
    body: bytes, error_class: ErrorClass
) -> None:
    with pytest.raises(InvalidMessage) as refused:
        from_batch(body, KEY, LISTS, NOW, 2)
    assert refused.value.error_class is error_class
    assert [problem.field for problem in refused.value.problems] == ["body"]


def test_a_message_less_than_a_day_ahead_is_accepted() -> None:
    ahead = (NOW + timedelta(hours=24)).astimezone(timezone(timedelta(hours=2)))
    assert read({**EVENT, "time": ahead.isoformat()}).envelope.time == ahead


def sdk_event(event: dict[str, Any]) -> CloudEvent:
    attributes = {name: value for name, value in event.items() if name != "data"}
    return CloudEvent({**attributes, "time": datetime.fromisoformat(event["time"])}, event["data"])


@pytest.mark.parametrize("event", [EVENT, EU_EVENT, {**EVENT, "correlationid": 'blå "år" 100%'}])
def test_events_of_the_cloudevents_sdk_are_read(event: dict[str, Any]) -> None:
    event = {"datacontenttype": "application/json", **event}
    expected = read(event)
    binary = http.to_binary(sdk_event(event), JSONFormat())
    assert from_http_binary(binary.headers, bytes(binary.body), KEY, LISTS, NOW) == expected
    structured = http.to_structured(sdk_event(event), JSONFormat())
    assert from_structured(bytes(structured.body), KEY, LISTS, NOW) == expected
    record = kafka.to_binary(sdk_event({**event, "datacontenttype": "application/avro"}), JSONFormat())
    headers = [(name, bytes(value)) for name, value in record.headers.items()]
    value = to_kafka(expected)[2]
    assert from_kafka(expected.envelope.flow, headers, value, KEY, LISTS, NOW) == expected


def test_what_we_write_to_kafka_is_read_by_the_cloudevents_sdk() -> None:
    message = read(EVENT)
    key, headers, value = to_kafka(message)
    record = kafka.KafkaMessage(headers=dict(headers), key=key, value=value)
    event = kafka.from_binary(record, JSONFormat(), CloudEvent)
    assert event.get_id() == message.envelope.id
    assert event.get_source() == message.envelope.source
    assert event.get_type() == FLOWS["enrolment"].type
    assert event.get_time() == message.envelope.time
    assert event.get_subject() == message.subject
    assert event.get_datacontenttype() == "application/avro"
