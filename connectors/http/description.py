"""What the API's OpenAPI document says in words and by example."""

from typing import Any

from connectors.http.body import BATCH, BINARY, STRUCTURED
from schemas.flows import FLOWS

API = """
The gateway takes notices about people on their way into education or into Denmark, and turns them into
follow-up tasks. A message is a CloudEvents 1.0 event.

* `202` means that Kafka has the message: it cannot get lost any more. The outcome is at its `receipt`.
* Every refusal is `application/problem+json` and names every fault at once, with the mend.
* A message that is sent twice counts once: repeat it under its id whenever an answer did not arrive.
* Citizens bear pseudonyms here; no address, error or log holds an identifier.
"""

POST_MESSAGES = """
Send one event in structured mode (`application/cloudevents+json`), one in binary mode (`ce-*` headers
and `application/json`), or up to 500 in a batch (`application/cloudevents-batch+json`, 8 MiB).

A single event is answered `202` once Kafka has acknowledged it. A batch is answered with one result an
event, in order: `202` when all were accepted, `207` when some were, and when none was `503` if Kafka was the
cause of any, else `422`. Each result bears the status that its event would have had on its own. After `503`
send the same events again under the same ids after the seconds in `Retry-After`.
"""

_EXAMPLE = {
    "specversion": "1.0",
    "id": "3f0c2f5e-8a43-4a0e-9d3f-6f1f6f5f2b11",
    "source": "/institution/280051",
    "type": "dk.overgang.dropout-risk.v1",
    "time": "2026-02-10T09:30:00+01:00",
    "datacontenttype": "application/json",
    "data": {
        "citizen": {"cpr": "7405034123", "residence_municipality": "751"},
        "enrolment_id": "E-2026-0117",
        "event": "RAISED",
        "observed_on": "2026-02-09",
        "study_start_on": "2026-01-26",
        "reasons": ["ABSENCE"],
        "absence_percent": 35,
    },
}


def _event() -> dict[str, Any]:
    """JSON Schema of an event in structured mode, one alternative a flow."""
    text = {"type": "string"}
    envelope = {
        "specversion": {"const": "1.0"},
        "id": {
            "type": "string",
            "format": "uuid",
            "description": "Chosen by the sender; repeats count once.",
        },
        "source": {"type": "string", "pattern": r"^/(institution/[0-9]{6}|municipality/[0-9]{3}|gateway)$"},
        "time": {"type": "string", "format": "date-time", "description": "With offset; when it was raised."},
        "datacontenttype": {"const": "application/json"},
        "correlationid": text,
        "causationid": text,
        "traceparent": text,
    }
    required = ["specversion", "id", "source", "type", "time", "data"]
    return {
        "oneOf": [
            {
                "type": "object",
                "title": flow,
                "required": required,
                "properties": envelope
                | {
                    "type": {"const": contract.type},
                    "data": {"$ref": f"#/components/schemas/{contract.model.__name__}"},
                },
            }
            for flow, contract in FLOWS.items()
        ]
    }


def flow_components() -> dict[str, Any]:
    """JSON Schemas of all flows' data, with the records they share, by name."""
    components: dict[str, Any] = {}
    for contract in FLOWS.values():
        schema = contract.model.model_json_schema(ref_template="#/components/schemas/{model}")
        components |= schema.pop("$defs", {})
        components[contract.model.__name__] = schema
    return components


EVENT = {"$ref": "#/components/schemas/Event"}
MESSAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": EVENT, "example": _EXAMPLE},
            BATCH: {
                "schema": {"type": "array", "minItems": 1, "maxItems": 500, "items": EVENT},
                "example": [_EXAMPLE],
            },
            BINARY: {
                "schema": {
                    "type": "object",
                    "description": "`data` alone; the attributes are in ce-* headers.",
                },
                "example": _EXAMPLE["data"],
            },
        },
    }
}


def components() -> dict[str, Any]:
    """All that the document refers to and FastAPI does not know by itself."""
    return {"Event": _event()} | flow_components()
