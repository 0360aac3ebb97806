"""JSON Schema of the CloudEvents attributes (contracts: Envelope), for descriptions of the interfaces.

What is checked is in `schemas.envelope`; a test holds the two together.
"""

from collections.abc import Collection
from typing import Any, Final

from schemas.envelope import SPECVERSION
from schemas.identifiers import Role

Form = dict[str, Any]

REQUIRED: Final = ("specversion", "id", "source", "type", "time")
_ADDRESS: Final[dict[Role, str]] = {
    "institution": "institution/[0-9]{6}",
    "municipality": "municipality/[0-9]{3}",
    "gateway": "gateway",
}
_TEXT: Final[Form] = {"type": "string", "minLength": 1, "maxLength": 256}


def attribute_forms(types: Collection[str], senders: Collection[Role]) -> dict[str, Form]:
    """What each attribute of an inbound message looks like: of these types, from these roles."""
    sources = "|".join(pattern for role, pattern in _ADDRESS.items() if role in senders)
    kinds: Form = {"const": min(types)} if len(types) == 1 else {"enum": sorted(types)}
    return {
        "specversion": {"type": "string", "const": SPECVERSION},
        "id": {
            "type": "string",
            "format": "uuid",
            "description": "Chosen by the sender; a repeat under the same id counts once.",
        },
        "source": {
            "type": "string",
            "pattern": f"^/({sources})$",
            "description": "Address of the party that sends it.",
        },
        "type": {"type": "string", **kinds},
        "time": {
            "type": "string",
            "format": "date-time",
            "description": "When the sender raised it: RFC 3339 with offset.",
        },
        "correlationid": _TEXT | {"description": "Passed on unchanged."},
        "causationid": _TEXT | {"description": "Passed on unchanged."},
        "traceparent": _TEXT
        | {
            "description": "Passed on unchanged; where the operator records traces, the gateway's own place"
            " in the same trace."
        },
        "subject": {"type": "string", "description": "Set by the gateway; what a sender gives is ignored."},
        "sequence": {"type": "string", "description": "Set by the gateway; what a sender gives is ignored."},
        "dataschema": {"type": "string", "description": "Ignored: the type says which schema it is."},
    }


def outbound_forms(type_: str, senders: Collection[Role]) -> dict[str, Form]:
    """The same of a message to a recipient."""
    forms = attribute_forms((type_,), senders)
    del forms["dataschema"]
    return forms | {
        "subject": {
            "type": "string",
            "pattern": "^[a-z2-7]{26}$",
            "description": "The citizen's pseudonym, where it is about one.",
        },
        "sequence": {
            "type": "string",
            "pattern": "^[1-9][0-9]*$",
            "description": "Number among this recipient's messages, from 1 without gaps; repeats keep it.",
        },
    }
