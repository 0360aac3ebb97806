"""`GET /v1/messages/...`: what became of a message; `/v1/receipts/...`: who gets told of it unasked."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from connectors.http.access import Asking, Own
from connectors.http.parts import OpenParts, Parts
from connectors.http.problems import Refusal, documented
from schemas.identifiers import MessageId, PartyAddress, institution_address, municipality_address
from streams.ledger.answers import Outcome
from streams.ledger.queries import outcome_of
from streams.ledger.registry import receipt_wishes_of
from streams.ledger.registry_changes import RegistryChanges
from streams.registry import Receipts, ReceiptWish, RegistryRefused

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
sent again stays `ACCEPTED`; `duplicates` counts. Of each recipient whether it took the message, and of each
task that the message opened, as far as its sender may know, how it stands.
`404` with `Retry-After` while nothing is decided.
"""
_WISHES = documented(
    "no-credential",
    "not-proved",
    "no-grant",
    "registry-refused",
    "invalid-request",
    "database-unavailable",
    "access-unknown",
)
_Id = Annotated[UUID, Path(description="The id that the sender chose.")]


class WishBody(BaseModel):
    """Which receipts a party gets: `faults` only, or of `all` its messages."""

    model_config = ConfigDict(extra="forbid")

    receipts: Receipts
    valid_from: AwareDatetime | None = Field(default=None, description="Default: now.")


@router.get("/v1/receipts/{role}/{code}", summary="Which receipts a party gets", responses=_WISHES)
def receipts_of(party: Own, parts: OpenParts) -> list[ReceiptWish]:
    """The latest wish first. Without any that has begun a party gets `faults`."""
    with parts.engine.connect() as connection:
        return receipt_wishes_of(connection, party)


@router.put("/v1/receipts/{role}/{code}", status_code=204, summary="Want receipts of all", responses=_WISHES)
def want_receipts(body: WishBody, party: Own, parts: OpenParts, asking: Asking) -> None:
    """They come by mailbox, webhook and topic, for what is taken from `valid_from` on."""
    changes = RegistryChanges(parts.writing, asking.system, asking.at)
    try:
        changes.want_receipts(party, body.receipts, body.valid_from)
    except RegistryRefused as refused:
        raise Refusal("registry-refused", f"{refused}.") from None


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
