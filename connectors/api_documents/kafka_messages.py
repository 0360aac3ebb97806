"""The messages of the AsyncAPI document: headers, payload as Avro, schema id, examples.

Examples of payloads are values of the Avro schema, not of JSON: a `date` is its number of days since 1970.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson

from schemas.attribute_forms import REQUIRED, Form, attribute_forms, outbound_forms
from schemas.cloudevent import attributes_of, from_structured
from schemas.code_lists import shipped
from schemas.examples.events import example
from schemas.flows import FLOWS, FlowContract
from schemas.identifiers import PartyAddress, Role
from schemas.key_file import KEY_BYTES
from schemas.media_type import AVRO
from schemas.message import Message
from schemas.outbound import OUTBOUND, outbound_schema
from schemas.pseudonym import PseudonymKey
from schemas.seal import SEAL_HEADER, SIGNATURE_HEADER
from schemas.wire import schema_id, schema_json
from streams.forwarding import FOR_INSTITUTIONS, visible_record

_AVRO_FORMAT: Final = "application/vnd.apache.avro;version=1.9.0"
BINDING: Final = "0.5.0"
"""Version of the Kafka bindings that the document uses."""
_EPOCH: Final = date(1970, 1, 1)
_LATER: Final = datetime(2100, 1, 1, tzinfo=UTC)
_NOBODYS_KEY: Final = PseudonymKey(bytes(KEY_BYTES))
"""For the pseudonyms in examples: nobody runs a gateway with it."""
_GATEWAY: Final[tuple[Role, ...]] = ("gateway",)
_INBOUND_KEY: Final = "The case key, set by the gateway; the key of a direct writer is ignored."
_PROOFS: Final[dict[str, Form]] = {
    SEAL_HEADER: {"type": "string", "description": "Made by the HTTP API; instead of a signature."},
    SIGNATURE_HEADER: {
        "type": "string",
        "description": "Of a system that writes to Kafka itself: a detached JWS with Ed25519 over topic, "
        "attributes and value; see docs/contracts.md, Seals.",
    },
}
"""One of them stands at each record where the gateway requires it."""
_OUTBOUND_KEY: Final = "`ce_subject`; none where a message is about no citizen."

Json = dict[str, Any]


def messages() -> Json:
    """By name: the flow for what parties send, `forwarded-<flow>` for what they get of others, the type's
    name for what the gateway itself sends."""
    inbound = {flow: _inbound(contract) for flow, contract in FLOWS.items()}
    forwarded = {forwarded_name(flow): _forwarded(FLOWS[flow]) for flow in FLOWS if flow != "correction"}
    return inbound | forwarded | {own_name(type_): _own(type_) for type_ in OUTBOUND}


def to_role(role: Role) -> list[str]:
    """Names of the messages that a recipient of this role may get."""
    forwarded = [f for f in FLOWS if f in FOR_INSTITUTIONS or (role == "municipality" and f != "correction")]
    return [*map(forwarded_name, forwarded), *map(own_name, OUTBOUND)]


def forwarded_name(flow: str) -> str:
    """`forwarded-mentor`."""
    return f"forwarded-{flow}"


def own_name(type_: str) -> str:
    """`dk.overgang.task.v1` -> `task`."""
    return type_.removeprefix("dk.overgang.").removesuffix(".v1")


def schemas() -> Json:
    """Every Avro schema in full, by the name of its record."""
    names = [c.schema_name for c in FLOWS.values()] + [outbound_schema(type_) for type_ in OUTBOUND]
    return {
        _record(name): {"schemaFormat": _AVRO_FORMAT, "schema": json.loads(schema_json(schema_id(name)))}
        for name in names
    }


def _inbound(contract: FlowContract) -> Json:
    sent = _sent(contract)
    attributes = attributes_of(sent.envelope, sent.subject)
    return _message(
        contract.type,
        contract.schema_name,
        title=f"{contract.flow}, from {' or '.join(sorted(contract.senders))}",
        headers=_headers(attribute_forms((contract.type,), contract.senders), REQUIRED, _PROOFS),
        key=_INBOUND_KEY,
        examples=[_example("sent", contract.model.__doc__ or "", attributes, sent.data)],
    )


def _forwarded(contract: FlowContract) -> Json:
    return _message(
        contract.type,
        contract.schema_name,
        title=f"{contract.flow}, forwarded",
        headers=_headers(outbound_forms(contract.type, contract.senders), (*REQUIRED, "sequence")),
        key=_OUTBOUND_KEY,
        examples=list(_forwards(contract)),
    )


def _forwards(contract: FlowContract) -> Iterator[Json]:
    """What the roles see of one and the same message."""
    sent = _sent(contract)
    attributes = attributes_of(sent.envelope, sent.subject) | {"sequence": "7"}
    towards = {"to-municipality": PartyAddress("/municipality/751")}
    if contract.flow in FOR_INSTITUTIONS:
        towards["to-institution"] = PartyAddress("/institution/280051")
    for name, recipient in towards.items():
        data = visible_record(contract.flow, sent.data, recipient)
        yield _example(name, f"As {recipient} gets it.", attributes, data)


def _own(type_: str) -> Json:
    event = example(type_)
    model = OUTBOUND[type_]
    data = model.model_validate(event.pop("data")).model_dump()
    event.pop("datacontenttype")
    return _message(
        type_,
        outbound_schema(type_),
        title=f"{own_name(type_)}, from the gateway",
        headers=_headers(outbound_forms(type_, _GATEWAY), (*REQUIRED, "sequence")),
        key=_OUTBOUND_KEY,
        examples=[_example("sent", model.__doc__ or "", event, data)],
    )


def _message(
    type_: str, schema_name: str, *, title: str, headers: Json, key: str, examples: list[Json]
) -> Json:
    return {
        "name": type_,
        "title": title,
        "contentType": AVRO,
        "headers": headers,
        "payload": {"$ref": f"#/components/schemas/{_record(schema_name)}"},
        "correlationId": {"$ref": "#/components/correlationIds/correlationid"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": key},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "schemaLookupStrategy": "RecordNameStrategy",
                "bindingVersion": BINDING,
                "x-schema-id": schema_id(schema_name),
                "x-subject": schema_name,
            }
        },
        "examples": examples,
    }


def _headers(
    forms: Mapping[str, Form], required: Collection[str], further: Mapping[str, Form] | None = None
) -> Json:
    return {
        "type": "object",
        "required": ["content-type", *(f"ce_{name}" for name in required)],
        "properties": {
            "content-type": {"type": "string", "const": AVRO},
            **{f"ce_{name}": form for name, form in forms.items()},
            **(further or {}),
        },
    }


def _example(name: str, summary: str, attributes: Mapping[str, Any], data: Mapping[str, Any]) -> Json:
    headers = {"content-type": AVRO} | {f"ce_{name}": text for name, text in attributes.items()}
    return {"name": name, "summary": summary, "headers": headers, "payload": _avro_value(data)}


def _sent(contract: FlowContract) -> Message:
    body = orjson.dumps(example(contract.type))
    return from_structured(body, _NOBODYS_KEY, shipped(), _LATER)


def _avro_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _avro_value(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_avro_value(child) for child in value]
    return (value - _EPOCH).days if isinstance(value, date) else value


def _record(schema_name: str) -> str:
    return schema_name.rpartition(".")[2]
