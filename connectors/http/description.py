"""What the API's OpenAPI document says in words and by example."""

from typing import Any, Final

from connectors.http.body import BATCH, BINARY, STRUCTURED
from schemas.attribute_forms import REQUIRED, Form, attribute_forms
from schemas.examples.events import example
from schemas.flows import FLOWS, FlowContract

API = """
The gateway takes notices about people on their way into education or into Denmark, and turns them into
follow-up tasks. A message is a CloudEvents 1.0 event.

* `202` means that Kafka has the message: it cannot get lost any more. The outcome is at its `receipt`.
* Every refusal is `application/problem+json` and names every fault at once, with the mend.
* A message that is sent twice counts once: repeat it under its id whenever an answer did not arrive.
* Citizens bear pseudonyms here; no address, error or log holds an identifier.
"""

TAGS: Final = {
    "messages": "Send messages, and see what became of them.",
    "mailbox": "What lies ready for a party: fetch it, wait for more, and say how far you are.",
    "webhooks": "Have what lies ready for a party posted to an address of its own.",
    "tasks": "Follow-up tasks, and what lies behind them.",
    "schemas": "Avro schemas by id and by name, on the routes of a Confluent schema registry; read-only.",
    "registry": "Parties, the systems that act for them, what they may do, and who changed it.",
    "operations": "Health and numbers, for whoever watches over the process.",
}
"""What the routes are grouped by."""

POST_MESSAGES = """
Send one event in structured mode (`application/cloudevents+json`), one in binary mode (`ce-*` headers
and `application/json`), or up to 500 in a batch (`application/cloudevents-batch+json`, 8 MiB).

A single event is answered `202` once Kafka has acknowledged it. A batch is answered with one result an
event, in order: `202` when all were accepted, `207` when some were, and when none was `503` if Kafka was the
cause of any, else `422`. Each result bears the status that its event would have had on its own. After `503`
send the same events again under the same ids after the seconds in `Retry-After`.
"""


def _message(contract: FlowContract) -> dict[str, Any]:
    """JSON Schema of an event of a flow in structured mode."""
    return {
        "type": "object",
        "title": f"{contract.model.__name__}Message",
        "description": f"Sent by: {', '.join(sorted(contract.senders))}.",
        "required": [*REQUIRED, "data"],
        "additionalProperties": False,
        "properties": attribute_forms((contract.type,), contract.senders)
        | {"datacontenttype": {"const": BINARY}, "data": _reference(contract.model.__name__)},
    }


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _name(contract: FlowContract) -> str:
    return f"{contract.model.__name__}Message"


def _event() -> dict[str, Any]:
    """JSON Schema of an event in structured mode: one alternative a flow, told apart by `type`."""
    references = {contract.type: _reference(_name(contract)) for contract in FLOWS.values()}
    return {
        "title": "Event",
        "oneOf": list(references.values()),
        "discriminator": {
            "propertyName": "type",
            "mapping": {type_: reference["$ref"] for type_, reference in references.items()},
        },
    }


def flow_components() -> dict[str, Any]:
    """JSON Schemas of all flows' data, with the records they share, by name."""
    components: dict[str, Any] = {}
    for contract in FLOWS.values():
        schema = contract.model.model_json_schema(ref_template="#/components/schemas/{model}")
        components |= schema.pop("$defs", {})
        components[contract.model.__name__] = schema
    return components


def components() -> dict[str, Any]:
    """All that the document refers to and FastAPI does not know by itself."""
    messages = {_name(contract): _message(contract) for contract in FLOWS.values()}
    return {"Event": _event()} | messages | flow_components()


def _examples() -> tuple[dict[str, Any], dict[str, Any]]:
    """An event and its data for each flow."""
    events: dict[str, Any] = {}
    data: dict[str, Any] = {}
    for flow, contract in FLOWS.items():
        event = example(contract.type)
        events[flow] = {"summary": f"{flow}, as {event['source']} sends it", "value": event}
        headers = ", ".join(f"ce-{name}: {event[name]}" for name in REQUIRED)
        data[flow] = {"summary": f"{flow}: data alone", "description": headers, "value": event["data"]}
    return events, data


def _binary_headers() -> list[dict[str, Any]]:
    """The attributes as headers: parameters that FastAPI does not know of."""
    forms = attribute_forms(
        [contract.type for contract in FLOWS.values()],
        frozenset().union(*(contract.senders for contract in FLOWS.values())),
    )
    shown = example(FLOWS["dropout-risk"].type)
    told = {name: form for name, form in forms.items() if name not in ("subject", "sequence", "dataschema")}
    return [
        {
            "name": f"ce-{name}",
            "in": "header",
            "required": False,
            "description": ("Required in binary mode" if name in REQUIRED else "Binary mode")
            + ", left out in the others. "
            + str(form.get("description", "")),
            "schema": _header_form(form),
            **({"example": shown[name]} if name in shown else {}),
        }
        for name, form in told.items()
    ]


def _header_form(form: Form) -> Form:
    """As plain as generators of client code need it: some know headers as text and choices only."""
    kept = {key: value for key, value in form.items() if key not in ("description", "format", "const")}
    return kept | ({"enum": [form["const"]]} if "const" in form else {})


_EVENTS, _DATA = _examples()
_BATCH = {"three": {"summary": "Three of one party", "value": [e["value"] for e in _EVENTS.values()][:3]}}
EVENT = _reference("Event")
MESSAGE_BODY: dict[str, Any] = {
    "parameters": _binary_headers(),
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": EVENT, "examples": _EVENTS},
            BATCH: {
                "schema": {"type": "array", "minItems": 1, "maxItems": 500, "items": EVENT},
                "examples": _BATCH,
            },
            BINARY: {
                "schema": {
                    "anyOf": [_reference(contract.model.__name__) for contract in FLOWS.values()],
                    "description": "`data` alone; the attributes are in ce-* headers, `ce-type` says which.",
                },
                "examples": _DATA,
            },
        },
    },
}
