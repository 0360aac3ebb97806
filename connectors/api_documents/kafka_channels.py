"""The channels and operations of the AsyncAPI document: topics as `streams.topics` makes them, and who may
write and read each."""

from typing import Any, Final, Literal

from connectors.api_documents.kafka_messages import BINDING, to_role
from schemas.flows import FLOWS, FlowContract
from schemas.identifiers import PartyAddress
from schemas.outbound import outbound_topic
from streams.topics import TopicShape, inbound_shape, outbound_shape

Json = dict[str, Any]
Recipient = Literal["institution", "municipality"]

_PARAMETERS: Final[dict[Recipient, tuple[str, str, str]]] = {
    "institution": ("number", "Number of the institution, 6 digits, leading zeros kept.", "280051"),
    "municipality": ("code", "Code of the municipality, 3 digits.", "751"),
}
_LISTS: Final = ("cleanup.policy",)


def channels() -> Json:
    """A channel for each inbound topic, and one for the topics of each kind of recipient."""
    inbound = {_inbound_id(contract): _inbound(contract) for contract in FLOWS.values()}
    return inbound | {_outbound_id(recipient): _outbound(recipient) for recipient in _PARAMETERS}


def operations() -> Json:
    """What the gateway does: it receives on the inbound topics and sends on the outbound ones."""
    received = {f"receive-{flow}": _receive(contract) for flow, contract in FLOWS.items()}
    return received | {f"send-to-{recipient}": _send(recipient) for recipient in _PARAMETERS}


def _inbound(contract: FlowContract) -> Json:
    return {
        "address": contract.topic,
        "title": contract.flow,
        "description": contract.model.__doc__,
        "messages": _messages([contract.flow]),
        "bindings": _topic(inbound_shape()),
    }


def _outbound(recipient: Recipient) -> Json:
    name, meaning, shown = _PARAMETERS[recipient]
    return {
        "address": outbound_topic(PartyAddress(f"/{recipient}/{{{name}}}")),
        "title": f"What one {recipient} gets",
        "description": "One partition a topic: the order of a recipient's messages is a promise.",
        "parameters": {name: {"description": meaning, "examples": [shown]}},
        "messages": _messages(to_role(recipient)),
        "bindings": _topic(outbound_shape()),
    }


def _receive(contract: FlowContract) -> Json:
    senders = sorted(contract.senders)
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{_inbound_id(contract)}"},
        "summary": f"{contract.flow}, from {' or '.join(senders)}",
        "description": "What cannot be accepted is quarantined, and its sender gets a receipt.",
        "messages": _of_channel(_inbound_id(contract), [contract.flow]),
        "x-senders": senders,
    }


def _send(recipient: Recipient) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{_outbound_id(recipient)}"},
        "summary": f"Forwards, tasks and receipts to one {recipient}",
        "description": "Forwards bear only the fields that the recipient may see, in the flow's own schema.",
        "messages": _of_channel(_outbound_id(recipient), to_role(recipient)),
        "x-receivers": [recipient],
    }


def _messages(names: list[str]) -> Json:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _of_channel(channel: str, names: list[str]) -> list[Json]:
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]


def _topic(shape: TopicShape) -> Json:
    settings = {
        name: text.split(",") if name in _LISTS else int(text) if text.isdigit() else text
        for name, text in shape.settings.items()
    }
    kafka = {"partitions": shape.partitions, "topicConfiguration": settings, "bindingVersion": BINDING}
    return {"kafka": kafka}


def _inbound_id(contract: FlowContract) -> str:
    return f"inbound-{contract.flow}"


def _outbound_id(recipient: Recipient) -> str:
    return f"outbound-{recipient}"
