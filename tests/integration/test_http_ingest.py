"""`POST /v1/messages` against a real broker: what is accepted, what is refused, and what the answer means."""

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Message

from connectors.embedded.kafka import EmbeddedKafka
from schemas.problems import ErrorClass
from schemas.pseudonym import pseudonym_of_citizen
from schemas.wire import decode
from tests.integration.api_server import BATCH, KEY, STRUCTURED, notice, records_on, served, until
from tests.integration.bad_messages import UNREADABLE, WRONG, in_the_far_future

TOPIC = "inbound.dropout-risk.v1"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def api(kafka: str, database_url: str, topic_prefix: str) -> Iterator[httpx.Client]:
    with served(kafka, database_url, topic_prefix) as client:
        yield client


def post(api: httpx.Client, event: Any) -> httpx.Response:
    return api.post("/v1/messages", content=json.dumps(event), headers=STRUCTURED)


def fields(answer: httpx.Response) -> set[str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return {error["field"] for error in answer.json()["errors"]}


def test_202_means_that_the_message_is_on_its_topic(api: httpx.Client, kafka: str, topic_prefix: str) -> None:
    event = notice(reasons=["ABSENCE"], absence_percent=35)
    event |= {"correlationid": "c-1", "traceparent": TRACEPARENT}
    answer = post(api, event)
    assert answer.status_code == 202, answer.text
    assert answer.json() == {
        "id": event["id"],
        "source": "/institution/280051",
        "receipt": f"/v1/messages/institution/280051/{event['id']}",
        "warnings": ["REPLACEMENT_CPR"],
    }
    [record] = records_on(kafka, topic_prefix + TOPIC)
    assert record.key() == str(pseudonym_of_citizen(KEY, {"cpr": "7405034123"}, institution=None)).encode()
    headers = dict(record.headers() or [])
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_id"] == event["id"].encode()
    assert headers["ce_source"] == b"/institution/280051"
    assert headers["ce_type"] == b"dk.overgang.dropout-risk.v1"
    assert headers["ce_correlationid"] == b"c-1"
    assert headers["ce_traceparent"] == TRACEPARENT.encode()
    assert datetime.fromisoformat(headers["ce_time"].decode()) == datetime.fromisoformat(event["time"])
    value = record.value()
    assert value is not None
    name, data = decode(value)
    assert name == "dk.overgang.v1.DropoutRisk"
    assert {field: content for field, content in data.items() if content not in (None, [])} == {
        "citizen": {
            "cpr": "7405034123",
            "foreign_id": None,
            "family_name": None,
            "forename": None,
            "birth_date": None,
            "residence_municipality": "751",
        },
        "enrolment_id": "E-1",
        "event": "RAISED",
        "observed_on": date(2026, 2, 9),
        "reasons": ["ABSENCE"],
        "absence_percent": 35,
    }


def test_binary_mode_puts_the_same_record_on_the_topic_as_structured_mode(
    api: httpx.Client, kafka: str, topic_prefix: str
) -> None:
    event = notice(note="æøå")
    assert post(api, event).status_code == 202
    attributes = {f"ce-{name}": value for name, value in event.items() if name != "data"}
    answer = api.post(
        "/v1/messages",
        content=json.dumps(event["data"]),
        headers=attributes | {"content-type": "application/json"},
    )
    assert answer.status_code == 202, answer.text
    first, second = records_on(kafka, topic_prefix + TOPIC)
    assert (first.key(), first.value()) == (second.key(), second.value())
    assert attributes_of(first) == attributes_of(second)


def attributes_of(record: Message) -> dict[str, bytes]:
    """Headers without the seal, which tells when it was made."""
    headers = dict(record.headers() or [])
    assert headers.pop("overgang-seal").split(b".")[3] == b"local"
    return headers


def test_a_sender_learns_of_every_fault_at_once(api: httpx.Client) -> None:
    event = notice(citizen={"cpr": "740503412"}, absence_percent=101, wether="fine", observed_on="31-02-2026")
    answer = post(api, event | {"time": "2026-02-10T09:30:00", "specversion": "0.3"})
    assert answer.status_code == 422
    body = answer.json()
    assert (body["type"], body["status"]) == ("/problems/invalid-message", 422)
    assert fields(answer) >= {
        "specversion",
        "time",
        "data.citizen.cpr",
        "data.absence_percent",
        "data.wether",
        "data.observed_on",
    }
    assert all(error["problem"] and error["mend"] for error in body["errors"])


def test_no_refusal_repeats_what_was_sent(api: httpx.Client) -> None:
    secret = "740503412"
    for event in (notice(citizen={"cpr": secret}), notice(note=[secret]), notice() | {"id": secret}):
        answer = post(api, event)
        assert answer.status_code == 422
        assert secret not in answer.text


STATUS = {ErrorClass.INVALID: 422, ErrorClass.FORBIDDEN: 403, ErrorClass.TOO_LARGE: 413}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_with_its_field(
    api: httpx.Client, kafka: str, topic_prefix: str, case: str
) -> None:
    event, error_class, field = WRONG[case]
    answer = post(api, event)
    assert answer.status_code == STATUS[error_class], answer.text
    assert field in fields(answer)
    assert records_on(kafka, topic_prefix + TOPIC) == []


def test_a_time_in_the_far_future_is_refused(api: httpx.Client) -> None:
    answer = post(api, in_the_far_future())
    assert (answer.status_code, fields(answer)) == (422, {"time"})


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_refused(api: httpx.Client, case: str) -> None:
    answer = api.post("/v1/messages", content=UNREADABLE[case], headers=STRUCTURED)
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "/problems/unreadable-message"
    assert fields(answer) == {"body"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/json"},
        {"content-type": "application/cloudevents+json; charset=iso-8859-1"},
        {"content-type": "application/cloudevents+json", "content-encoding": "gzip"},
        {"content-type": "application/cloudevents+avro"},
    ],
)
def test_another_content_type_is_refused_with_those_that_are_read(
    api: httpx.Client, headers: dict[str, str]
) -> None:
    request = api.build_request("POST", "/v1/messages", content=json.dumps(notice()), headers=headers)
    answer = api.send(request)
    assert answer.status_code == 415
    assert "application/cloudevents+json" in answer.json()["detail"]
    assert fields(answer) <= {"header content-type", "header content-encoding"}


@pytest.mark.parametrize("headers", [STRUCTURED, {"content-type": "text/plain"}])
def test_a_body_that_is_much_too_long_is_refused_with_its_reason(
    api: httpx.Client, headers: dict[str, str]
) -> None:
    parts = (b" " * 64 * 1024 for _ in range(100))
    answer = api.post("/v1/messages", content=parts, headers=headers)
    assert answer.status_code == (413 if headers is STRUCTURED else 415)
    assert api.get("/health/live").status_code == 200


def test_a_body_without_end_is_cut_off(api: httpx.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 256 * 1024 * 1024:
            sent += 64 * 1024
            yield b" " * 64 * 1024

    with contextlib.suppress(httpx.TransportError):
        # Whether the answer gets through while we still write is the network's luck.
        assert api.post("/v1/messages", content=endless(), headers=STRUCTURED).status_code == 413
    assert sent < 64 * 1024 * 1024


def test_a_batch_says_of_each_event_what_became_of_it(
    api: httpx.Client, kafka: str, topic_prefix: str
) -> None:
    good, bad, forbidden = notice(), notice(observed_on="?"), notice() | {"source": "/municipality/751"}
    answer = api.post("/v1/messages", content=json.dumps([good, bad, forbidden]), headers=BATCH)
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [(r["index"], r["status"]) for r in results] == [(0, 202), (1, 422), (2, 403)]
    assert results[0]["id"] == good["id"]
    assert [e["field"] for e in results[1]["errors"]] == ["data.observed_on"]
    [record] = records_on(kafka, topic_prefix + TOPIC)
    assert dict(record.headers() or [])["ce_id"] == good["id"].encode()


def test_a_batch_is_202_when_all_are_accepted_and_422_when_none_is(
    api: httpx.Client, kafka: str, topic_prefix: str
) -> None:
    events = [notice() for _ in range(500)]
    answer = api.post("/v1/messages", content=json.dumps(events), headers=BATCH)
    assert answer.status_code == 202, answer.text
    assert [r["id"] for r in answer.json()["results"]] == [event["id"] for event in events]
    stored = [dict(r.headers() or [])["ce_id"].decode() for r in records_on(kafka, topic_prefix + TOPIC)]
    assert stored == [event["id"] for event in events]
    none = api.post("/v1/messages", content=json.dumps([notice(event="?")]), headers=BATCH)
    assert none.status_code == 422


@pytest.mark.parametrize(("events", "status"), [(0, 422), (501, 413)])
def test_an_empty_or_too_long_batch_is_refused_as_a_whole(
    api: httpx.Client, kafka: str, topic_prefix: str, events: int, status: int
) -> None:
    body = json.dumps([notice() for _ in range(events)])
    answer = api.post("/v1/messages", content=body, headers=BATCH)
    assert answer.status_code == status, answer.text
    assert records_on(kafka, topic_prefix + TOPIC) == []


def test_with_as_much_in_hand_as_it_can_hold_it_answers_503_at_once(
    kafka: str, database_url: str, topic_prefix: str
) -> None:
    with served(kafka, database_url, topic_prefix, messages_in_flight=1) as api:
        answer = api.post("/v1/messages", content=json.dumps([notice(), notice()]), headers=BATCH)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["type"] == "/problems/busy"
        assert post(api, notice()).status_code == 202


def test_without_a_broker_it_answers_503_in_time_and_comes_back_by_itself(
    database_url: str, own_kafka: EmbeddedKafka
) -> None:
    with served(own_kafka.bootstrap, database_url, "away.", acknowledge_within=2.0) as api:
        assert post(api, notice()).status_code == 202
        own_kafka.kill()
        lost = notice()
        began = time.monotonic()
        answer = post(api, lost)
        assert time.monotonic() - began < 4
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["type"] == "/problems/broker-unavailable"
        mixed = api.post("/v1/messages", content=json.dumps([notice(), notice(event="?")]), headers=BATCH)
        assert (mixed.status_code, mixed.headers["retry-after"]) == (503, "5")
        assert [r["status"] for r in mixed.json()["results"]] == [503, 422]
        batch = [notice() for _ in range(5)]
        none = api.post("/v1/messages", content=json.dumps(batch), headers=BATCH)
        assert [r["status"] for r in none.json()["results"]] == [503] * 5
        until(lambda: api.get("/health/ready").status_code == 503, 10)
        parts = api.get("/health/ready").json()["parts"]
        assert (parts["broker"]["ready"], parts["database"]["ready"]) == (False, True)
        assert api.get("/health/live").status_code == 200
        own_kafka.start()
        until(lambda: api.get("/health/ready").status_code == 200, 10)
        assert post(api, lost).status_code == 202
        ids = [dict(r.headers() or [])["ce_id"] for r in records_on(own_kafka.bootstrap, "away." + TOPIC)]
        assert lost["id"].encode() in ids
        assert api.post("/v1/messages", content=json.dumps(batch), headers=BATCH).status_code == 202


def test_a_key_is_never_the_identifier(api: httpx.Client, kafka: str, topic_prefix: str) -> None:
    correction = notice() | {
        "type": "dk.overgang.correction.v1",
        "data": {"retracts": str(uuid4()), "reason": "sent twice"},
    }
    assert post(api, correction).status_code == 202
    assert post(api, notice()).status_code == 202
    records = records_on(kafka, topic_prefix + TOPIC) + records_on(
        kafka, topic_prefix + "inbound.correction.v1"
    )
    assert len(records) == 2
    for record in records:
        assert record.key()
        assert b"7405034123" not in (record.key() or b"")
        assert b"7405034123" not in b"".join(value for _, value in record.headers() or [] if value)
