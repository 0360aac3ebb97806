"""`GET /v1/mailbox`, `POST /v1/mailbox/acknowledge`: a recipient fetches its messages."""

import asyncio
from contextlib import ExitStack
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from connectors.access.gate import Caller
from connectors.http.access import Asking, judged
from connectors.http.body import BATCH
from connectors.http.parts import OpenParts, Parts
from connectors.http.problems import Refusal, documented
from connectors.mailbox.polls import NoPlace
from connectors.mailbox.reading import TooSlow
from schemas.identifiers import PartyAddress, SystemId
from schemas.problems import Problem
from streams.ledger.mailbox import BeyondLast, Standing
from streams.registry import Right

router = APIRouter(tags=["mailbox"])
_PARTY: Final = r"^/(institution/[0-9]{6}|municipality/[0-9]{3})$"
_LARGEST: Final = 2**63 - 1
_AWAY_SECONDS: Final = "5"
_BUSY_SECONDS: Final = "5"
_DEAF_SECONDS: Final = 1.0
"""How often to look while no ring can come."""
_CLOSED = (
    "no-credential",
    "not-proved",
    "no-grant",
    "invalid-request",
    "database-unavailable",
    "access-unknown",
)
_EMPTY: Final = b"[]"
_ANSWER: dict[str, Any] = {
    "description": "A CloudEvents batch, empty where nothing came",
    "content": {
        BATCH: {
            "schema": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["specversion", "id", "source", "type", "time", "sequence", "data"],
                    "properties": {
                        "sequence": {"type": "string", "pattern": "^[1-9][0-9]*$"},
                        "data": {"type": "object"},
                    },
                },
            }
        }
    },
}


class Acknowledgement(BaseModel):
    """The reader keeps every message up to `sequence`."""

    model_config = ConfigDict(extra="forbid")

    party: str | None = Field(
        default=None,
        pattern=_PARTY,
        description="Whose mailbox; needed where the system reads for several.",
        examples=["/municipality/751"],
    )
    sequence: int = Field(ge=0, le=_LARGEST, strict=True)
    back: bool = Field(
        default=False, description="Whether a lower number than before counts: the reader lost some."
    )


@router.get(
    "/v1/mailbox",
    summary="The next messages of a mailbox",
    response_class=Response,
    responses={**documented(*_CLOSED, "too-many-polls", "busy"), 200: _ANSWER},
)
async def read_mailbox(
    request: Request,
    parts: OpenParts,
    asking: Asking,
    party: Annotated[
        str | None,
        Query(
            pattern=_PARTY,
            description="Whose mailbox; needed where the system reads for several.",
            examples=["/municipality/751"],
        ),
    ] = None,
    after: Annotated[
        int | None,
        Query(
            ge=0,
            le=_LARGEST,
            description="The last `sequence` you have, 0 for all. Left out: the last you acknowledged.",
        ),
    ] = None,
    wait: Annotated[
        int,
        Query(ge=0, le=3600, description="Seconds to wait for a message where there is none; at most 60."),
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 500,
) -> Response:
    """Messages in the order of `sequence`, the same as on the recipient's topic, tasks and receipts included.

    Asking again after the same number gives the same messages. An answer holds `limit` messages or 1 MiB.
    A number that never comes was of a case that has been erased.
    """
    mailbox = _mailbox(asking, party)
    try:
        batch = await _next(request, parts, asking.system, mailbox, after, wait, limit)
    except BeyondLast as beyond:
        raise _beyond("query.after", beyond) from None
    except TooSlow:
        raise Refusal("database-unavailable", headers={"Retry-After": _AWAY_SECONDS}) from None
    return Response(batch or _EMPTY, media_type=BATCH, headers={"Cache-Control": "no-store"})


@router.post(
    "/v1/mailbox/acknowledge", summary="Messages up to a number have arrived", responses=documented(*_CLOSED)
)
async def acknowledge(given: Acknowledgement, parts: OpenParts, asking: Asking) -> Standing:
    """Tell it once the messages are stored on your side; the same or a lower number again changes nothing.

    It is what `GET /v1/mailbox` without `after` goes on from, and what the operator sees of how far you are.
    """
    try:
        return await parts.mailboxes.acknowledge(
            _mailbox(asking, given.party, "body"), given.sequence, back=given.back
        )
    except BeyondLast as beyond:
        raise _beyond("body.sequence", beyond) from None
    except TooSlow:
        raise Refusal("database-unavailable", headers={"Retry-After": _AWAY_SECONDS}) from None


def _mailbox(asking: Caller, named: str | None, where: str = "query") -> PartyAddress:
    """The mailbox that is meant; the only one of a system needs no name. Raises Refusal."""
    if named is None:
        own = asking.registry.parties_of(asking.system, Right.READ, asking.at)
        if len(own) == 1:
            return own[0]
        if own:
            mend = "name one of the parties that GET /v1/access lists with the right `read`"
            raise Refusal("invalid-request", errors=[Problem(f"{where}.party", "is missing", mend)])
    elif asking.receives(PartyAddress(named)):
        return PartyAddress(named)
    raise Refusal("no-grant", f"The system {asking.system} may not read this mailbox; name its own.")


async def _next(
    request: Request,
    parts: Parts,
    system: SystemId,
    mailbox: PartyAddress,
    after: int | None,
    wait: float,
    limit: int,
) -> bytes | None:
    """The next messages, None where none came in time. Also raises Refusal, ClientDisconnect."""
    clock = asyncio.get_running_loop().time
    until = clock() + min(wait, parts.config.longest_wait)
    with ExitStack() as held, parts.bell.heard(mailbox) as rung:
        gone: asyncio.Task[None] | None = None
        while True:
            rung.clear()
            async with parts.limits.in_hand.turn(system, question=True):
                batch = await parts.mailboxes.read(mailbox, after, limit)
            left = until - clock()
            if batch is not None or left <= 0 or parts.bell.closed:
                break
            if gone is None:
                _take_place(held, parts, system, mailbox)
                gone = asyncio.create_task(_gone(request))
                held.callback(gone.cancel)
            await _rung(rung, gone, left if parts.bell.listening else min(left, _DEAF_SECONDS))
            if gone.done():
                raise ClientDisconnect
    if gone is not None and not (await judged(request, parts)).receives(mailbox):
        raise Refusal("no-grant", f"The system {system} may not read this mailbox any more.")
    return batch


def _take_place(held: ExitStack, parts: Parts, system: SystemId, mailbox: PartyAddress) -> None:
    try:
        held.enter_context(parts.polls.place(system, mailbox))
        metrics = parts.metrics
        held.enter_context(metrics.polls_of.labels(metrics.system(system)).track_inprogress())
    except NoPlace as full:
        slug, detail = ("too-many-polls", "") if full.own else ("busy", "Too many requests wait; ask again.")
        raise Refusal(slug, detail, headers={"Retry-After": _BUSY_SECONDS}) from None


async def _rung(rung: asyncio.Event, gone: asyncio.Task[None], seconds: float) -> None:
    ringing = asyncio.create_task(rung.wait())
    try:
        await asyncio.wait({ringing, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ringing.cancel()


async def _gone(request: Request) -> None:
    """Returns when the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _beyond(field: str, beyond: BeyondLast) -> Refusal:
    mend = "was it kept for another mailbox or gateway? Read from 0 on, or from what you acknowledged"
    return Refusal("invalid-request", errors=[Problem(field, str(beyond), mend)])
