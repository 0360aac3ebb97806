"""`GET /v1/messages/...`: what became of a message."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from connectors.http.access import Asking
from connectors.http.parts import OpenParts, Parts
from connectors.http.problems import Refusal, documented
from schemas.identifiers import MessageId, PartyAddress, institution_address, municipality_address
from streams.ledger.answers import Outcome
from streams.ledger.queries import outcome_of

router = APIRouter(tags=["messages"])
_ASK_AGAIN_SECONDS = "1"
_RESPONSES = documented(
    "not-decided",
    "invalid-request",
    "no-credential",
    "not-proved",
    "no-grant",
    "database-unavailable",
    "access-unknown",
)
_DESCRIPTION = """
`ACCEPTED` with warnings and recipients, or `QUARANTINED` with every reason. A message that was accepted and
sent again stays `ACCEPTED`; `duplicates` counts. `404` with `Retry-After` while nothing is decided.
"""
_Id = Annotated[UUID, Path(description="The id that the sender chose.")]


@router.get(
    "/v1/messages/institution/{number}/{id}",
    summary="The outcome of an institution's message",
    description=_DESCRIPTION,
    responses=_RESPONSES,
)
def institution_message(
    number: Annotated[str, Path(pattern=r"^[0-9]{6}$", examples=["280051"])],
    id: _Id,
    parts: OpenParts,
    asking: Asking,
) -> Outcome:
    """Of an institution."""
    return _outcome(parts, asking, institution_address(number), id)


@router.get(
    "/v1/messages/municipality/{code}/{id}",
    summary="The outcome of a municipality's message",
    description=_DESCRIPTION,
    responses=_RESPONSES,
)
def municipality_message(
    code: Annotated[str, Path(pattern=r"^[0-9]{3}$", examples=["751"])],
    id: _Id,
    parts: OpenParts,
    asking: Asking,
) -> Outcome:
    """Of a municipality."""
    return _outcome(parts, asking, municipality_address(code), id)


@router.get(
    "/v1/messages/gateway/{id}",
    summary="The outcome of the operator's message",
    description=_DESCRIPTION,
    responses=_RESPONSES,
)
def gateway_message(id: _Id, parts: OpenParts, asking: Asking) -> Outcome:
    """Of the operator."""
    return _outcome(parts, asking, PartyAddress("/gateway"), id)


def _outcome(parts: Parts, asking: Asking, source: PartyAddress, message: UUID) -> Outcome:
    if not asking.reads(source):
        raise Refusal("no-grant", f"The system {asking.system} may not read for this message's sender.")
    with parts.engine.connect() as connection:
        outcome = outcome_of(connection, source, MessageId(str(message)))
    if outcome is None:
        raise Refusal("not-decided", headers={"Retry-After": _ASK_AGAIN_SECONDS})
    return outcome
