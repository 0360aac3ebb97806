"""`POST /v1/messages`: a message is checked, sealed, written to its inbound topic, and only then accepted."""

import asyncio
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from connectors.access.gate import Caller
from connectors.http.accepting import Prepared, beyond, prepared, produced
from connectors.http.access import Asking
from connectors.http.body import Mode, discard_body, mode_of, read_body
from connectors.http.description import MESSAGE_BODY, POST_MESSAGES
from connectors.http.direct import DirectRoute
from connectors.http.inbound import Record
from connectors.http.parts import Parts, parts_of
from connectors.http.problems import FieldProblem, Refusal, documented
from schemas.cloudevent import from_batch, from_http_binary, from_structured
from schemas.examples.events import example
from schemas.flows import FLOWS
from schemas.message import Message
from schemas.problems import InvalidMessage

router = APIRouter(tags=["messages"], route_class=DirectRoute)
_JSON = "application/json"
_BUSY_SECONDS = "1"
_AWAY_SECONDS = "5"
_LARGE = 1024 * 1024
_MOMENT_SECONDS = 0.0005


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
async def post_messages(request: Request, asking: Asking) -> Response:
    """Read, check, produce, answer."""
    parts = parts_of(request)
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
    item = prepared(parts, asking, message)
    if not parts.limits.messages(item.sender, 1):
        raise parts.limits.messages_exceeded(item.sender, 1)
    if isinstance(item.outcome, Record) and not parts.producer.has_room(1):
        raise Refusal("busy", headers={"Retry-After": _BUSY_SECONDS})
    [result] = await produced(parts, [item])
    if isinstance(result, Refusal):
        raise result
    return Response(orjson.dumps(result), 202, media_type=_JSON)


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
        items = await _prepared_batch(parts, asking, body)
        if not parts.producer.has_room(len(items)):
            raise Refusal("busy", headers={"Retry-After": _BUSY_SECONDS})
        over = beyond(parts, items)
        for index, refused in over.items():
            items[index] = replace(items[index], outcome=refused)
        results = await produced(parts, items)
    for result in results:
        if isinstance(result, Refusal):
            parts.metrics.ingest.labels(result.kind.slug).inc()
    answers = [
        _item(index, item, result) for index, (item, result) in enumerate(zip(items, results, strict=True))
    ]
    return _batch_answer(answers, max((int(r.headers["Retry-After"]) for r in over.values()), default=0))


async def _prepared_batch(parts: Parts, asking: Caller, body: bytes) -> list[Prepared]:
    """Raises InvalidMessage where it is no batch.

    For a moment at a time, so that other requests and health are answered meanwhile: threads that take turns
    at the interpreter each need twice the time (docs/decisions/0026).
    """
    limits = parts.config
    given = body, limits.pseudonym_key, limits.lists, datetime.now(UTC), limits.batch_items
    events = await asyncio.to_thread(from_batch, *given) if len(body) > _LARGE else from_batch(*given)
    items: list[Prepared] = []
    until = time.perf_counter() + _MOMENT_SECONDS
    for event in events:
        items.append(prepared(parts, asking, event))
        if time.perf_counter() > until:
            await asyncio.sleep(0)
            until = time.perf_counter() + _MOMENT_SECONDS
    return items


async def _turn(parts: Parts, held: ExitStack) -> None:
    """Wait for a turn, in the order of arrival; a system has but a few batches in hand. Raises Refusal."""
    try:
        async with asyncio.timeout(parts.config.acknowledge_within):
            await parts.batches.acquire()
    except TimeoutError:
        raise Refusal("busy", headers={"Retry-After": _BUSY_SECONDS}) from None
    held.callback(parts.batches.release)


def _item(index: int, item: Prepared, result: dict[str, Any] | Refusal) -> dict[str, Any]:
    if isinstance(result, Refusal):
        return {"index": index} | item.named | result.body()
    return {"index": index, "status": 202} | result


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
