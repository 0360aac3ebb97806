"""The OpenAPI document: well-formed, complete, with examples that the gateway takes."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from connectors.api_documents.openapi import openapi
from connectors.http.access import OPEN
from connectors.http.problems import KINDS
from schemas.attribute_forms import REQUIRED, attribute_forms
from schemas.cloudevent import from_batch, from_http_binary, from_structured
from schemas.envelope import KNOWN
from schemas.flows import FLOWS
from schemas.message import Message
from tests.unit.test_cloudevent import KEY, LISTS, NOW

Json = dict[str, Any]
DOCUMENT: Json = openapi()
SCHEMAS: Json = DOCUMENT["components"]["schemas"]
POST: Json = DOCUMENT["paths"]["/v1/messages"]["post"]
BODY: Json = POST["requestBody"]["content"]
STRUCTURED: Json = BODY["application/cloudevents+json"]
BINARY: Json = BODY["application/json"]
BATCH: Json = BODY["application/cloudevents-batch+json"]
OPERATIONS: dict[str, Json] = {
    f"{method} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def against(schema: Json) -> jsonschema.Draft202012Validator:
    """A validator of a schema that refers to the document's components."""
    return jsonschema.Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]},
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for child in value.values():
            yield from references(child)
    elif isinstance(value, list):
        for child in value:
            yield from references(child)


def test_the_document_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [str(fault) for fault in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_every_reference_leads_somewhere_and_every_schema_is_referred_to() -> None:
    used = set(references(DOCUMENT))
    assert used == {f"#/components/schemas/{name}" for name in SCHEMAS}


def test_the_address_is_relative_so_that_the_document_is_the_same_everywhere() -> None:
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_says_what_it_does_under_a_name_of_its_own(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    assert re.fullmatch(r"[a-z_]+", operation["operationId"])
    assert [o["operationId"] for o in OPERATIONS.values()].count(operation["operationId"]) == 1
    told = {tag["name"] for tag in DOCUMENT["tags"]}
    assert set(operation["tags"]) <= told, "describe the tag in TAGS of connectors/http/description.py"


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_shows_how_it_refuses(name: str) -> None:
    operation, path = OPERATIONS[name], name.split()[1]
    wanted = {"421", "500"} if path in OPEN else {"401", "421", "500", "503"}
    assert wanted <= operation["responses"].keys()
    shown = {
        (status, slug): example["value"]
        for status, response in operation["responses"].items()
        for slug, example in response.get("content", {})
        .get("application/problem+json", {})
        .get("examples", {})
        .items()
    }
    assert wanted <= {status for status, _ in shown}
    for (status, slug), body in shown.items():
        against({"$ref": "#/components/schemas/ProblemDetails"}).validate(body)
        assert (body["type"], str(body["status"])) == (f"/problems/{slug}", status)
        assert KINDS[slug].title in operation["responses"][status]["description"]


def test_a_token_or_a_certificate_opens_every_route_but_liveness() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert {(name, scheme["type"]) for name, scheme in schemes.items()} == {
        ("bearer", "http"),
        ("mutualTLS", "mutualTLS"),
    }
    assert DOCUMENT["security"] == [{"bearer": []}, {"mutualTLS": []}]
    assert {name: o["security"] for name, o in OPERATIONS.items() if "security" in o} == {
        f"get {path}": [] for path in OPEN
    }


def test_there_is_one_schema_a_flow_told_apart_by_type() -> None:
    event = SCHEMAS["Event"]
    mapping = event["discriminator"]["mapping"]
    assert event["discriminator"]["propertyName"] == "type"
    assert mapping.keys() == {contract.type for contract in FLOWS.values()}
    assert [one["$ref"] for one in event["oneOf"]] == list(mapping.values())
    for type_, reference in mapping.items():
        assert SCHEMAS[reference.rpartition("/")[2]]["properties"]["type"]["const"] == type_


def test_an_event_has_exactly_the_attributes_that_are_read() -> None:
    assert attribute_forms(("any",), ("gateway",)).keys() == KNOWN
    assert set(REQUIRED) <= KNOWN
    for contract in FLOWS.values():
        schema = SCHEMAS[f"{contract.model.__name__}Message"]
        assert schema["properties"].keys() == KNOWN | {"data", "datacontenttype"}


@pytest.mark.parametrize("flow", FLOWS)
def test_the_example_of_a_flow_fits_its_schema_and_is_accepted_without_a_warning(flow: str) -> None:
    example = STRUCTURED["examples"][flow]["value"]
    against(STRUCTURED["schema"]).validate(example)
    message = from_structured(orjson.dumps(example), KEY, LISTS, NOW)
    assert message.envelope.flow == flow
    assert set(message.warnings) <= {"REPLACEMENT_CPR", "CPR_MOD11"}


@pytest.mark.parametrize("flow", FLOWS)
def test_the_example_in_binary_mode_is_the_same_message(flow: str) -> None:
    example, event = BINARY["examples"][flow], STRUCTURED["examples"][flow]["value"]
    against(BINARY["schema"]).validate(example["value"])
    headers = dict(header.split(": ", 1) for header in example["description"].split(", "))
    told = {name: event[name] for name in REQUIRED}
    assert headers == {f"ce-{name}": text for name, text in told.items()}
    read = from_http_binary(headers, orjson.dumps(example["value"]), KEY, LISTS, NOW)
    assert read == from_structured(orjson.dumps(event), KEY, LISTS, NOW)


def test_the_attributes_of_binary_mode_are_told_as_headers() -> None:
    headers = {p["name"] for p in POST["parameters"] if p["in"] == "header"}
    assert headers == {f"ce-{name}" for name in KNOWN - {"subject", "sequence", "dataschema"}}
    assert not any(p["required"] for p in POST["parameters"])


def test_the_example_of_a_batch_is_accepted_whole() -> None:
    for example in BATCH["examples"].values():
        against(BATCH["schema"]).validate(example["value"])
        read = list(from_batch(orjson.dumps(example["value"]), KEY, LISTS, NOW, 500))
        assert len(read) > 1
        assert all(isinstance(message, Message) for message in read)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "dk.overgang.mentor.v1"},
        {"source": "/municipality/751"},
        {"typo": "x"},
        {"time": None},
        {"data": {}},
    ],
    ids=json.dumps,
)
def test_what_the_gateway_refuses_does_not_fit_the_schema(change: Json) -> None:
    wrong = STRUCTURED["examples"]["dropout-risk"]["value"] | change
    assert not against(STRUCTURED["schema"]).is_valid(wrong)


def test_the_answers_examples_fit_their_schemas() -> None:
    for status in ("202", "207"):
        content = POST["responses"][status]["content"]["application/json"]
        assert content["examples"]
        for example in content["examples"].values():
            against(content["schema"]).validate(example["value"])
