"""The AsyncAPI document: valid by the official schema, as the topics are made, true to the messages."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastavro import parse_schema
from fastavro.validation import validate

from connectors.api_documents.asyncapi import asyncapi
from schemas.cloudevent import from_kafka, from_structured
from schemas.examples.events import example
from schemas.flows import FLOWS
from schemas.identifiers import Flow, institution_address, municipality_address
from schemas.outbound import OUTBOUND, outbound_schema, outbound_topic
from schemas.wire import AVRO, decode, encode, ids_by_name, stem_of
from streams.topics import inbound_shape, outbound_shape
from tests.unit.test_cloudevent import KEY, LISTS, NOW

Json = dict[str, Any]
OFFICIAL: Json = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.json").read_text(encoding="utf-8"))
DOCUMENT: Json = asyncapi()
CHANNELS: Json = DOCUMENT["channels"]
OPERATIONS: Json = DOCUMENT["operations"]
MESSAGES: Json = DOCUMENT["components"]["messages"]
SHOWN = [(name, shown["name"]) for name, message in MESSAGES.items() for shown in message["examples"]]


def found(reference: str) -> Any:
    """What a reference within the document leads to; KeyError for nothing."""
    at: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        at = at[step]
    return at


def payload_schema(message: Json) -> Json:
    schema = found(message["payload"]["$ref"])
    assert schema["schemaFormat"] == "application/vnd.apache.avro;version=1.9.0"
    avro: Json = schema["schema"]
    return avro


def shown_example(message: Json, name: str) -> Json:
    [shown] = [shown for shown in message["examples"] if shown["name"] == name]
    return dict(shown)


def test_the_document_is_asyncapi_3_0() -> None:
    assert [fault.message for fault in jsonschema.Draft7Validator(OFFICIAL).iter_errors(DOCUMENT)] == []


def test_the_official_schema_does_refuse_what_is_wrong() -> None:
    operations = {**OPERATIONS, "send-to-institution": {"action": "publish"}}
    assert not jsonschema.Draft7Validator(OFFICIAL).is_valid({**DOCUMENT, "operations": operations})


@pytest.mark.parametrize("flow", FLOWS)
def test_an_inbound_topic_is_received_from_those_who_may_send_it(flow: Flow) -> None:
    contract, operation = FLOWS[flow], OPERATIONS[f"receive-{flow}"]
    channel = found(operation["channel"]["$ref"])
    assert (operation["action"], channel["address"]) == ("receive", contract.topic)
    assert set(operation["x-senders"]) == contract.senders
    [message] = [found(found(told["$ref"])["$ref"]) for told in operation["messages"]]
    source = re.compile(message["headers"]["properties"]["ce_source"]["pattern"])
    addresses = {
        "institution": "/institution/280051",
        "municipality": "/municipality/751",
        "gateway": "/gateway",
    }
    assert {role for role, address in addresses.items() if source.search(address)} == contract.senders


@pytest.mark.parametrize(
    ("role", "address", "filled"),
    [
        ("institution", "outbound.institution.{number}.v1", institution_address("280051")),
        ("municipality", "outbound.municipality.{code}.v1", municipality_address("751")),
    ],
)
def test_each_kind_of_recipient_has_topics_of_one_pattern(role: str, address: str, filled: Any) -> None:
    operation = OPERATIONS[f"send-to-{role}"]
    channel = found(operation["channel"]["$ref"])
    assert (operation["action"], channel["address"], operation["x-receivers"]) == ("send", address, [role])
    [(name, parameter)] = channel["parameters"].items()
    assert address.replace(f"{{{name}}}", parameter["examples"][0]) == outbound_topic(filled)
    names = {told["$ref"].rpartition("/")[2] for told in operation["messages"]}
    assert names == channel["messages"].keys()


def test_an_institution_gets_no_status_and_nobody_gets_a_correction() -> None:
    to_institution = CHANNELS["outbound-institution"]["messages"].keys()
    to_municipality = CHANNELS["outbound-municipality"]["messages"].keys()
    own = {"task", "receipt", "delivery-receipt", "task-receipt"}
    assert to_institution - own == {
        f"forwarded-{flow}" for flow in ("contact-details", "education-order", "mentor", "follow-up")
    }
    assert to_municipality - own == {f"forwarded-{flow}" for flow in FLOWS} - {"forwarded-correction"}
    assert own <= to_institution & to_municipality


@pytest.mark.parametrize("name", CHANNELS)
def test_partitions_and_settings_are_those_that_topics_are_made_with(name: str) -> None:
    shape = inbound_shape() if name.startswith("inbound-") else outbound_shape()
    told = CHANNELS[name]["bindings"]["kafka"]
    assert told["partitions"] == shape.partitions
    as_text = {
        key: ",".join(value) if isinstance(value, list) else str(value)
        for key, value in told["topicConfiguration"].items()
    }
    assert as_text == shape.settings


def test_every_flow_and_type_has_its_messages_with_its_schema_in_full_and_its_id() -> None:
    names = {c.type: c.schema_name for c in FLOWS.values()} | {t: outbound_schema(t) for t in OUTBOUND}
    assert {message["name"] for message in MESSAGES.values()} == names.keys()
    for message in MESSAGES.values():
        name = names[message["name"]]
        file = AVRO / f"{stem_of(name)}.avsc"
        assert payload_schema(message) == json.loads(file.read_text(encoding="utf-8"))
        binding = message["bindings"]["kafka"]
        assert binding["x-schema-id"] == ids_by_name()[name][-1]
        assert binding["schemaIdPayloadEncoding"] == "confluent"


@pytest.mark.parametrize(("name", "example_name"), SHOWN)
def test_an_example_fits_its_headers_and_its_avro_schema(name: str, example_name: str) -> None:
    message = MESSAGES[name]
    shown = shown_example(message, example_name)
    checker = jsonschema.Draft7Validator.FORMAT_CHECKER
    jsonschema.Draft7Validator(message["headers"], format_checker=checker).validate(shown["headers"])
    assert shown["headers"].keys() <= message["headers"]["properties"].keys()
    assert validate(shown["payload"], parse_schema(payload_schema(message)), strict=True)


@pytest.mark.parametrize("flow", FLOWS)
def test_an_inbound_example_written_to_its_topic_is_accepted_as_what_it_is(flow: Flow) -> None:
    contract = FLOWS[flow]
    shown = shown_example(MESSAGES[flow], "sent")
    headers = [(name, str(value).encode()) for name, value in shown["headers"].items()]
    value = encode(contract.schema_name, shown["payload"])
    sent = json.dumps(example(contract.type)).encode()
    assert from_kafka(flow, headers, value, KEY, LISTS, NOW) == from_structured(sent, KEY, LISTS, NOW)


@pytest.mark.parametrize("type_", OUTBOUND)
def test_an_example_of_the_gateways_own_messages_is_one_that_its_model_takes(type_: str) -> None:
    name = type_.removeprefix("dk.overgang.").removesuffix(".v1")
    shown = shown_example(MESSAGES[name], "sent")
    _, record = decode(encode(outbound_schema(type_), shown["payload"]))
    assert OUTBOUND[type_].model_validate(record).model_dump() == record


def test_only_what_parties_write_is_told_to_bear_a_proof_of_who_wrote_it() -> None:
    bearing = {
        name
        for name, message in MESSAGES.items()
        if {"overgang-seal", "overgang-signature"} <= message["headers"]["properties"].keys()
    }
    assert bearing == FLOWS.keys()


def test_no_example_shows_an_institution_what_it_may_not_see() -> None:
    for message in MESSAGES.values():
        for shown in message["examples"]:
            if shown["name"] == "to-institution":
                citizen = shown["payload"]["citizen"]
                assert (citizen["cpr"], citizen["residence_municipality"]) == (None, None)
                assert "7405034123" not in json.dumps(shown)
