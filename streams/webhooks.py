"""Webhooks: where a party's messages are posted to, and what became of those that did not arrive at once."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.identifiers import MessageId, PartyAddress


class EndpointState(StrEnum):
    """Whether messages are posted to an endpoint."""

    PENDING = "PENDING"
    """It has not agreed yet: nothing but the handshake is sent."""
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    """By its party, by the operator, or because it answered that it is gone."""


class DeliveryState(StrEnum):
    """Where a message stands that did not arrive at the first try; the others have no row."""

    WAITING = "WAITING"
    """For its next try, or behind an earlier message about the same citizen."""
    FAILED = "FAILED"
    """The endpoint refused it for good."""
    EXPIRED = "EXPIRED"
    DELIVERED_LATE = "DELIVERED_LATE"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """As the deliverer sees it. `secrets` are sealed; every message up to `cursor` arrived or has a row.

    `next_attempt_at` and `next_expiry` are of the messages that wait. `activated_at`: when it first agreed.
    """

    party: PartyAddress
    url: str
    secrets: bytes
    state: EndpointState
    cursor: int
    newest: int
    activated_at: datetime | None
    held_until: datetime | None
    validate_at: datetime | None
    validations: int
    next_attempt_at: datetime | None
    next_expiry: datetime | None


@dataclass(slots=True)
class Delivery:
    """One message to one endpoint. `order_key`: its case, within which nothing is overtaken; None: none.

    `kept`: it has a row already. `round` grows with each redelivery by hand, `told` is what its sender was
    told last.
    """

    recipient: PartyAddress
    sequence: int
    source: PartyAddress
    message_id: MessageId
    order_key: str | None
    expires_at: datetime
    attempts: int = 0
    round: int = 0
    told: str | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a delivery. `state` None: it arrived at the first try.

    `next_attempt_at` None while WAITING: it waits behind another. `status` is shown and holds no content.
    """

    delivery: Delivery
    state: DeliveryState | None
    status: str | None = None
    next_attempt_at: datetime | None = None
    attempted: bool = False
