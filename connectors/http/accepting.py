"""From a message that was read to one that Kafka has: whose it is, its seal, and what is told of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from connectors.access.gate import Caller
from connectors.http.inbound import Record
from connectors.http.limits import Sender
from connectors.http.parts import Parts
from connectors.http.problems import Refusal
from connectors.http.traced import sent, settled
from schemas.cloudevent import to_kafka
from schemas.flows import FLOWS
from schemas.message import Message
from schemas.problems import InvalidMessage
from schemas.seal import Stamp, covered, seal

if TYPE_CHECKING:
    from streams.tracing.tracing import Hop

_AWAY_SECONDS: Final = "5"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message of a sender: the record that is to be written, or why none is.

    `named` is its id and source, empty where it is not as its contract says. `hop`: its span.
    """

    sender: Sender
    named: dict[str, str]
    warnings: Sequence[str]
    outcome: Record | Refusal
    hop: Hop | None = None


def prepared(parts: Parts, asking: Caller, message: Message | InvalidMessage) -> Prepared:
    """What is to be written to Kafka for a message, or why nothing is. What names no party that this system
    sends for counts for the system itself."""
    if isinstance(message, InvalidMessage):
        return Prepared((asking.system, None), {}, (), Refusal.of(message))
    envelope = message.envelope
    named: dict[str, str] = {"id": envelope.id, "source": envelope.source}
    if not asking.sends(envelope.source, envelope.flow):
        refused = Refusal(
            "no-grant",
            f"The system {asking.system} has no grant in force to send {envelope.flow} for this source.",
        )
        return Prepared((asking.system, None), named, (), refused)
    topic = parts.config.topic_prefix + FLOWS[envelope.flow].topic
    hop: Hop | None = None
    if parts.tracing is not None:
        message, hop = sent(parts.tracing, message, topic)
    key, headers, value = to_kafka(message)
    stamp = Stamp(asking.system, int(time.time() * 1000))
    headers.append(seal(parts.config.seal_keys.sealing(), covered(topic, headers, value), stamp))
    record = Record(topic, key, headers, value)
    return Prepared((asking.system, envelope.source), named, message.warnings, record, hop)


async def produced(parts: Parts, items: Sequence[Prepared]) -> list[dict[str, Any] | Refusal]:
    """What became of each: what is told of an accepted one, or its refusal."""
    sent = iter(await parts.producer.send([i.outcome for i in items if isinstance(i.outcome, Record)]))
    results: list[dict[str, Any] | Refusal] = []
    accepted = 0
    for item in items:
        if isinstance(item.outcome, Refusal):
            results.append(item.outcome)
        elif next(sent) is not None:
            results.append(Refusal("broker-unavailable", headers={"Retry-After": _AWAY_SECONDS}))
        else:
            accepted += 1
            results.append(_accepted(item))
    if parts.tracing is not None:
        for item, result in zip(items, results, strict=True):
            if item.hop is not None:
                settled(item.hop, result)
    if accepted:
        parts.metrics.ingest.labels("accepted").inc(accepted)
    return results


def _accepted(item: Prepared) -> dict[str, Any]:
    told = item.named | {"receipt": f"/v1/messages{item.named['source']}/{item.named['id']}"}
    return told | ({"warnings": list(item.warnings)} if item.warnings else {})


def beyond(parts: Parts, items: Sequence[Prepared]) -> dict[int, Refusal]:
    """The events of a batch, by their index, that are more than their sender may send now."""
    of: dict[Sender, list[int]] = {}
    for index, item in enumerate(items):
        of.setdefault(item.sender, []).append(index)
    found: dict[int, Refusal] = {}
    for sender, indexes in of.items():
        if over := indexes[parts.limits.messages(sender, len(indexes)) :]:
            found |= dict.fromkeys(over, parts.limits.messages_exceeded(sender, len(over)))
    return found
