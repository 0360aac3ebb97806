"""`POST /v1/messages`: a message is checked, sealed, written to its inbound topic, and only then accepted."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from connectors.access.gate import Caller
from connectors.http.access import Asking
from connectors.http.body import Mode, discard_body, mode_of, read_body
from connectors.http.description import MESSAGE_BODY, POST_MESSAGES
from connectors.http.inbound import BrokerUnavailable
from connectors.http.limits import Sender
from connectors.http.parts import OpenParts, Parts
from connectors.http.problems import FieldProblem, Refusal, documented
from schemas.cloudevent import from_batch, from_http_binary, from_structured, to_kafka
from schemas.examples.events import example
from schemas.flows import FLOWS
from schemas.message import Message
from schemas.problems import InvalidMessage
from schemas.seal import Stamp, covered, seal

router = APIRouter(tags=["messages"])
_JSON = "application/json"
_BUSY_SECONDS = "1"
_AWAY_SECONDS = "5"


class Accepted(BaseModel):
    """Kafka has the message; what became of it is at `receipt`."""

    id: str
    source: str
    receipt: str = Field(description="Address of the outcome, known within seconds.")
    warnings: list[str] = Field(
        default=[],
        description="What the content alone gives, such as `CPR_MOD11`; absent where there are none.",
    )


class BatchItem(BaseModel):
    """What became of the event at `index` of the batch, with the status it would have had on its own."""

    index: int
    status: int
    id: str | None = None
    source: str | None = None
    receipt: str | None = None
    warnings: list[str] = []
    type: str | None = None
    title: str | None = None
    detail: str | None = None
    errors: list[FieldProblem] = []


class BatchResult(BaseModel):
    """One result an event, in the order of the batch."""

    results: list[BatchItem]


_SENT = example(FLOWS["dropout-risk"].type)
_ACCEPTED = {
    "id": _SENT["id"],
    "source": _SENT["source"],
    "receipt": f"/v1/messages{_SENT['source']}/{_SENT['id']}",
}
_ITEM = {"index": 0, "status": 202, **_ACCEPTED}


def _responses() -> dict[int | str, dict[str, Any]]:
    found = documented(
        "unreadable-message",
        "no-credential",
        "not-proved",
        "sender-not-allowed",
        "no-grant",
        "sender-suspended",
        "too-slow",
        "rate-limited",
        "too-much-at-once",
        "message-too-large",
        "unsupported-content-type",
        "unknown-host",
        "invalid-message",
        "broker-unavailable",
        "busy",
        "access-unknown",
    )
    # A batch that was read is answered with its results, whatever became of them.
    for status in (422, 429, 503):
        found[status]["content"][_JSON] = {"schema": {"$ref": "#/components/schemas/BatchResult"}}
    accepted = {"summary": "One event", "value": _ACCEPTED}
    all_accepted = {"summary": "A batch", "value": {"results": [_ITEM]}}
    refused = {"index": 1, **Refusal("no-grant").body()}
    mixed = {"summary": "One of two", "value": {"results": [_ITEM, refused]}}
    return {
        202: {
            "description": "Kafka has all of it",
            "content": {_JSON: {"examples": {"one": accepted, "batch": all_accepted}}},
        },
        207: {
            "description": "Batch: some accepted, some not; see each result",
            "model": BatchResult,
            "content": {_JSON: {"examples": {"mixed": mixed}}},
        },
        **found,
    }


@router.post(
    "/v1/messages",
    status_code=202,
    summary="Send one message or a batch",
    description=POST_MESSAGES,
    response_model=Accepted | BatchResult,
    responses=_responses(),
    openapi_extra=MESSAGE_BODY,
)
async def post_messages(request: Request, parts: OpenParts, asking: Asking) -> Response:
    """Read, check, produce, answer."""
    try:
        return await _received(request, parts, asking)
    except InvalidMessage as invalid:
        refused = Refusal.of(invalid)
        parts.metrics.ingest.labels(refused.kind.slug).inc()
        raise refused from invalid
    except Refusal as refused:
        parts.metrics.ingest.labels(refused.kind.slug).inc()
        raise


async def _received(request: Request, parts: Parts, asking: Caller) -> Response:
    try:
        _sending(asking)
        mode = mode_of(request.headers)
    except Refusal:
        await discard_body(request, parts.config.body_within)
        raise
    if mode == "batch":
        return await _batch(request, parts, asking)
    return await _single(request, parts, asking, mode)


def _sending(asking: Caller) -> None:
    known = asking.registry.systems[asking.system]
    if known.sending_suspended_at is not None:
        detail = (
            f"{known.sending_suspended_because}; mend it, then ask the operator to resume {asking.system}."
        )
        raise Refusal("sender-suspended", detail)


async def _single(request: Request, parts: Parts, asking: Caller, mode: Mode) -> Response:
    limits = parts.config
    body = await read_body(request, limits.single_body_limit, limits.body_within)
    now = datetime.now(UTC)
    message: Message | InvalidMessage
    try:
        if mode == "binary":
            message = from_http_binary(dict(request.headers), body, limits.pseudonym_key, limits.lists, now)
        else:
            message = from_structured(body, limits.pseudonym_key, limits.lists, now)
    except InvalidMessage as invalid:
        message = invalid
    sender = _sender(asking, message)
    if not parts.limits.messages(sender, 1):
        raise parts.limits.messages_exceeded(sender, 1)
    if isinstance(message, InvalidMessage):
        raise message
    return Response(orjson.dumps(await _produce(parts, asking, message)), 202, media_type=_JSON)


async def _batch(request: Request, parts: Parts, asking: Caller) -> Response:
    limits = parts.config
    with ExitStack() as held:
        try:
            share = held.enter_context(parts.limits.batch(asking.system))
        except Refusal:
            await discard_body(request, limits.body_within)
            raise
        # Whoever sends slowly keeps nobody waiting: the turn begins when all is here.
        body = await read_body(request, limits.batch_body_limit, limits.body_within, share.grow)
        await _turn(parts, held)
        # Thousands of fields: in a thread, so that other requests and health are answered meanwhile.
        items = await asyncio.to_thread(
            from_batch, body, limits.pseudonym_key, limits.lists, datetime.now(UTC), limits.batch_items
        )
        if not parts.producer.has_room(len(items)):
            raise Refusal("busy", headers={"Retry-After": _BUSY_SECONDS})
        beyond = _beyond(parts, asking, items)
        results = await asyncio.gather(
            *(_item(parts, asking, index, item, beyond.get(index)) for index, item in enumerate(items))
        )
    return _batch_answer(results, max((int(r.headers["Retry-After"]) for r in beyond.values()), default=0))


async def _turn(parts: Parts, held: ExitStack) -> None:
    """Wait for a turn, in the order of arrival; a system has but a few batches in hand. Raises Refusal."""
    try:
        async with asyncio.timeout(parts.config.acknowledge_within):
            await parts.batches.acquire()
    except TimeoutError:
        raise Refusal("busy", headers={"Retry-After": _BUSY_SECONDS}) from None
    held.callback(parts.batches.release)


def _beyond(parts: Parts, asking: Caller, items: Sequence[Message | InvalidMessage]) -> dict[int, Refusal]:
    """The events of a batch, by their index, that are more than their sender may send now."""
    of: dict[Sender, list[int]] = {}
    for index, item in enumerate(items):
        of.setdefault(_sender(asking, item), []).append(index)
    found: dict[int, Refusal] = {}
    for sender, indexes in of.items():
        if beyond := indexes[parts.limits.messages(sender, len(indexes)) :]:
            found |= dict.fromkeys(beyond, parts.limits.messages_exceeded(sender, len(beyond)))
    return found


def _sender(asking: Caller, item: Message | InvalidMessage) -> Sender:
    """Whose limit a message counts to. What names no party that this system sends for counts for itself."""
    if isinstance(item, InvalidMessage) or not asking.sends(item.envelope.source, item.envelope.flow):
        return asking.system, None
    return asking.system, item.envelope.source


async def _item(
    parts: Parts, asking: Caller, index: int, item: Message | InvalidMessage, beyond: Refusal | None
) -> dict[str, Any]:
    try:
        if beyond is not None:
            raise beyond
        if isinstance(item, InvalidMessage):
            raise Refusal.of(item)
        return {"index": index, "status": 202} | await _produce(parts, asking, item)
    except Refusal as refused:
        parts.metrics.ingest.labels(refused.kind.slug).inc()
        named = {"id": item.envelope.id, "source": item.envelope.source} if isinstance(item, Message) else {}
        return {"index": index} | named | refused.body()


def _batch_answer(results: list[dict[str, Any]], limited_seconds: int) -> Response:
    statuses = {result["status"] for result in results}
    seconds = max(limited_seconds, int(_AWAY_SECONDS) if 503 in statuses else 0)
    headers = {"Retry-After": str(seconds)} if seconds else {}
    if statuses == {202}:
        status = 202
    elif 202 in statuses:
        status = 207
    else:
        status = next((later for later in (503, 429) if later in statuses), 422)
    return Response(orjson.dumps({"results": results}), status, headers, _JSON)


async def _produce(parts: Parts, asking: Caller, message: Message) -> dict[str, Any]:
    envelope = message.envelope
    if not asking.sends(envelope.source, envelope.flow):
        raise Refusal(
            "no-grant",
            f"The system {asking.system} has no grant in force to send {envelope.flow} for this source.",
        )
    if not parts.producer.has_room(1):
        raise Refusal("busy", headers={"Retry-After": _BUSY_SECONDS})
    topic = parts.config.topic_prefix + FLOWS[envelope.flow].topic
    key, headers, value = to_kafka(message)
    stamp = Stamp(asking.system, int(time.time() * 1000))
    headers.append(seal(parts.config.seal_keys.sealing(), covered(topic, headers, value), stamp))
    try:
        await parts.producer.send(topic, key, headers, value)
    except BrokerUnavailable as away:
        raise Refusal("broker-unavailable", headers={"Retry-After": _AWAY_SECONDS}) from away
    parts.metrics.ingest.labels("accepted").inc()
    accepted: dict[str, Any] = {
        "id": envelope.id,
        "source": envelope.source,
        "receipt": f"/v1/messages{envelope.source}/{envelope.id}",
    }
    return accepted | ({"warnings": list(message.warnings)} if message.warnings else {})
