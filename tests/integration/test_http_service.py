"""What the API is besides messages: schemas for any Confluent client, metrics, logs, errors, description."""

import io
import json
import struct
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import fastavro
import httpx
import pytest
import structlog

from connectors.api_documents.texts import text
from connectors.http import receipts
from schemas.flows import FLOWS
from tests.integration.api_server import BATCH, STRUCTURED, notice, records_on, served, until


@pytest.fixture
def api(kafka: str, database_url: str, topic_prefix: str) -> Iterator[httpx.Client]:
    with served(kafka, database_url, topic_prefix) as client:
        yield client


def test_a_consumer_decodes_a_message_with_the_schema_that_its_id_names(
    api: httpx.Client, kafka: str, topic_prefix: str
) -> None:
    assert api.post("/v1/messages", content=json.dumps(notice()), headers=STRUCTURED).status_code == 202
    [record] = records_on(kafka, topic_prefix + "inbound.dropout-risk.v1")
    value = record.value() or b""
    magic, schema_id = struct.unpack(">bI", value[:5])
    answer = api.get(f"/schemas/ids/{schema_id}")
    assert answer.headers["content-type"] == "application/vnd.schemaregistry.v1+json"
    schema = fastavro.parse_schema(json.loads(answer.json()["schema"]))
    data: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
    assert magic == 0
    assert (data["event"], data["citizen"]["cpr"]) == ("RAISED", "7405034123")


def test_the_registry_knows_each_record_by_its_full_name(api: httpx.Client) -> None:
    assert api.get("/schemas/types").json() == ["AVRO"]
    subjects = api.get("/subjects").json()
    assert len(subjects) == 15
    assert "dk.overgang.v1.Task" in subjects
    for subject in subjects:
        versions = api.get(f"/subjects/{subject}/versions").json()
        latest = api.get(f"/subjects/{subject}/versions/latest").json()
        assert latest["version"] == versions[-1]
        assert json.loads(latest["schema"])["name"] == subject.rsplit(".", 1)[1]
        assert api.get(f"/subjects/{subject}/versions/{versions[-1]}").json() == latest
        assert api.get(f"/schemas/ids/{latest['id']}").json()["schema"] == latest["schema"]
        looked_up = api.post(f"/subjects/{subject}", json={"schema": latest["schema"]})
        assert looked_up.json() == latest


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/schemas/ids/9999", 404, 40403),
        ("/schemas/ids/x", 404, 40403),
        ("/subjects/dk.overgang.v1.Nothing/versions", 404, 40401),
        ("/subjects/dk.overgang.v1.Nothing/versions/latest", 404, 40401),
        ("/subjects/dk.overgang.v1.Task/versions/77", 404, 40402),
        ("/subjects/dk.overgang.v1.Task/versions/newest", 422, 42202),
    ],
)
def test_the_registry_errs_as_its_clients_expect(
    api: httpx.Client, address: str, status: int, code: int
) -> None:
    answer = api.get(address)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, 42201),
        (b'{"schema": "{"}', 422, 42201),
        (b'{"schema": "\\"string\\""}', 404, 40403),
    ],
)
def test_a_lookup_of_another_schema_registers_nothing(
    api: httpx.Client, body: bytes, status: int, code: int
) -> None:
    answer = api.post("/subjects/dk.overgang.v1.Task", content=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert api.get("/subjects/dk.overgang.v1.Task/versions").json() == [1]


def test_metrics_count_by_route_template_and_no_label_holds_an_address(api: httpx.Client) -> None:
    api.post("/v1/messages", content=json.dumps(notice()), headers=STRUCTURED)
    api.post("/v1/messages", content=b"{}", headers=STRUCTURED)
    for number in range(20):
        api.get(f"/v1/messages/institution/{number:06}/3f0c2f5e-8a43-4a0e-9d3f-6f1f6f5f2b11")
        api.get(f"/nowhere/{number}")
        api.request(f"VERB{number}", "/v1/tasks")
    text = api.get("/metrics").text
    assert 'overgang_ingest_total{outcome="accepted"} 1.0' in text
    assert 'overgang_ingest_total{outcome="invalid-message"} 1.0' in text
    template = "/v1/messages/institution/{number}/{id}"
    assert f'overgang_http_requests_total{{method="GET",route="{template}",status="404"}} 20.0' in text
    assert 'overgang_http_requests_total{method="GET",route="unknown",status="404"} 20.0' in text
    assert "nowhere" not in text
    assert "VERB" not in text


def test_errors_of_every_kind_are_problem_details_with_a_page(api: httpx.Client) -> None:
    for answer, status in (
        (api.get("/nowhere"), 404),
        (api.delete("/v1/messages"), 405),
        (api.post("/v1/messages", content=b"{}"), 415),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) == {"type", "title", "status", "detail", "errors"}
        assert api.get(answer.json()["type"]).status_code == 200
    assert api.get("/problems/weather").status_code == 404


def test_a_fault_of_our_own_is_a_500_that_says_nothing_and_a_log_line_that_names_its_place(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("7405034123")

    monkeypatch.setattr(receipts, "outcome_of", broken)
    with structlog.testing.capture_logs() as lines:
        answer = api.get("/v1/messages/gateway/3f0c2f5e-8a43-4a0e-9d3f-6f1f6f5f2b11")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert "RuntimeError" not in answer.text
    [fault] = [line for line in lines if line["event"] == "fault"]
    assert fault["id"] in answer.json()["detail"]
    assert fault["kind"] == "RuntimeError"
    assert "7405034123" not in str(lines) + answer.text


def test_p13_no_log_line_holds_what_a_request_said(api: httpx.Client) -> None:
    with structlog.testing.capture_logs() as lines:
        api.post("/v1/messages", content=json.dumps(notice()), headers=STRUCTURED)
        api.post("/v1/messages?cpr=7405034123", content=b'{"id": "7405034123"}', headers=STRUCTURED)
        api.get("/v1/cases/7405034123")
        api.get("/7405034123")
        # A line is written after its answer has gone.
        until(lambda: any(line.get("route") == "unknown" for line in lines), 5)
    assert "7405034123" not in str(lines)


def test_another_host_name_is_refused_so_that_no_web_page_reaches_loopback(api: httpx.Client) -> None:
    answer = api.get("/v1/tasks", headers={"host": "rebound.example"})
    assert (answer.status_code, answer.json()["type"]) == (421, "/problems/unknown-host")


def test_the_description_is_served_and_its_example_of_every_flow_is_accepted(api: httpx.Client) -> None:
    document = api.get("/openapi.json").json()
    assert document == json.loads(text("openapi"))
    examples = document["paths"]["/v1/messages"]["post"]["requestBody"]["content"]
    for flow in FLOWS:
        event = examples["application/cloudevents+json"]["examples"][flow]["value"]
        answer = api.post("/v1/messages", content=json.dumps(event), headers=STRUCTURED)
        assert answer.status_code == 202, answer.text
        binary = {f"ce-{name}": event[name] for name in ("specversion", "source", "type", "time")}
        data = examples["application/json"]["examples"][flow]["value"]
        answer = api.post("/v1/messages", json=data, headers=binary | {"ce-id": str(uuid4())})
        assert answer.status_code == 202, answer.text
    batch = examples["application/cloudevents-batch+json"]["examples"]["three"]["value"]
    assert api.post("/v1/messages", content=json.dumps(batch), headers=BATCH).status_code == 202
