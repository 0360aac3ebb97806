"""`/v1/webhooks`: a party's own systems say where its messages are posted to, and see what did not arrive."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from connectors.access.gate import Caller
from connectors.http.access import Asking, Own
from connectors.http.parts import OpenParts, Parts
from connectors.http.problems import Refusal, documented
from connectors.webhooks.addresses import LONGEST_URL, UrlRefused, checked_url
from schemas.identifiers import PartyAddress
from streams.ledger.webhook_changes import WebhookChanges
from streams.ledger.webhook_lists import (
    WebhookException,
    WebhookStanding,
    webhook_exceptions_of,
    webhook_standings,
)
from streams.registry import RegistryRefused
from streams.webhooks import DeliveryState

router = APIRouter(tags=["webhooks"])
_RESPONSES = documented(
    "no-credential",
    "not-proved",
    "no-grant",
    "not-found",
    "registry-refused",
    "invalid-request",
    "database-unavailable",
    "access-unknown",
)
_PLACE = "/v1/webhooks/{role}/{code}"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WebhookBody(_Body):
    """Where messages are posted to."""

    url: str = Field(
        max_length=LONGEST_URL, description="https, without user, query and fragment; not an inside address."
    )
    after: int | None = Field(
        default=None,
        ge=0,
        le=2**62,
        description="Begin beyond this `sequence`, for a new endpoint only. Default: what comes from now on.",
    )


class RotationBody(_Body):
    """How the secret is replaced."""

    keep_hours: int = Field(default=24, ge=0, le=720, description="So long the old secrets sign as well.")


class PauseBody(_Body):
    """Why nothing is to be posted for now."""

    because: str = Field(min_length=1, max_length=500)


class RedeliveryBody(_Body):
    """What is to be tried again."""

    sequence: int | None = Field(default=None, ge=1, le=2**62, description="One message; null: all of them.")


class Registered(BaseModel):
    """An endpoint. `secret` is told where it was made by this request, and never again."""

    webhook: WebhookStanding
    secret: str | None


class Secret(BaseModel):
    """Shown once."""

    secret: str


class Redelivered(BaseModel):
    """How many messages are tried again."""

    messages: int


@router.get(
    "/v1/webhooks", summary="Endpoints of the parties that this system reads for", responses=_RESPONSES
)
def list_webhooks(parts: OpenParts, asking: Asking) -> list[WebhookStanding]:
    """The operator sees all."""
    with parts.engine.connect() as connection:
        found = webhook_standings(connection)
    return [standing for standing in found if asking.reads(PartyAddress(standing.party))]


@router.get(_PLACE, summary="One endpoint", responses=_RESPONSES)
def one_webhook(party: Own, parts: OpenParts) -> WebhookStanding:
    """How far it is, what waits, what failed."""
    return _standing(parts, party)


@router.put(_PLACE, summary="Register an endpoint, or give it another address", responses=_RESPONSES)
def put_webhook(body: WebhookBody, party: Own, parts: OpenParts, asking: Asking) -> Registered:
    """It is asked whether it agrees (CloudEvents' handshake, OPTIONS) before anything is posted."""
    with _Refused():
        url = checked_url(body.url, loopback=parts.config.loopback_webhooks)
        secret = _changes(parts, asking).put(party, url, body.after)
    return Registered(webhook=_standing(parts, party), secret=secret.text if secret else None)


@router.post(f"{_PLACE}/secrets", status_code=201, summary="Make a new secret", responses=_RESPONSES)
def rotate(body: RotationBody, party: Own, parts: OpenParts, asking: Asking) -> Secret:
    """For a while each message is signed by the old one as well."""
    with _Refused():
        secret = _changes(parts, asking).rotate(party, timedelta(hours=body.keep_hours))
    return Secret(secret=secret.text)


@router.put(f"{_PLACE}/pause", status_code=204, summary="Post nothing for now", responses=_RESPONSES)
def pause(body: PauseBody, party: Own, parts: OpenParts, asking: Asking) -> None:
    """What waits goes on to age."""
    with _Refused():
        _changes(parts, asking).pause(party, body.because)


@router.delete(f"{_PLACE}/pause", status_code=204, summary="Ask it again, and go on", responses=_RESPONSES)
def resume(party: Own, parts: OpenParts, asking: Asking) -> None:
    """Whatever the reason was for which nothing is posted."""
    with _Refused():
        _changes(parts, asking).resume(party)


@router.get(f"{_PLACE}/failed", summary="Messages that did not arrive", responses=_RESPONSES)
def failed(
    party: Own,
    parts: OpenParts,
    state: Annotated[list[DeliveryState] | None, Query(description="Default: FAILED and EXPIRED.")] = None,
    after: Annotated[int, Query(ge=0, le=2**62, description="`sequence` of the last one before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Sequence[WebhookException]:
    """Refused, or not taken in time, by their numbers."""
    states = state or [DeliveryState.FAILED, DeliveryState.EXPIRED]
    with parts.engine.connect() as connection:
        return webhook_exceptions_of(connection, states, party=party, after=after, limit=limit)


@router.post(f"{_PLACE}/redeliveries", summary="Try one message again, or all", responses=_RESPONSES)
def redeliver(body: RedeliveryBody, party: Own, parts: OpenParts, asking: Asking) -> Redelivered:
    """Those that failed or expired; under the same `webhook-id`."""
    with _Refused():
        count = _changes(parts, asking).redeliver(party, parts.config.webhook_ttl, body.sequence)
    return Redelivered(messages=count)


def _standing(parts: Parts, party: PartyAddress) -> WebhookStanding:
    with parts.engine.connect() as connection:
        found = webhook_standings(connection, party)
    if not found:
        raise Refusal("not-found", "This party has no webhook.")
    return found[0]


def _changes(parts: Parts, asking: Caller) -> WebhookChanges:
    return WebhookChanges(parts.writing, parts.config.wrapping, asking.system, asking.at)


class _Refused:
    """A change that is refused, as an answer."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, RegistryRefused | UrlRefused):
            raise Refusal("registry-refused", f"{error}.") from error
