"""Headers of Standard Webhooks: id, timestamp, and a signature by each secret that is in force."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID, uuid5

from standardwebhooks.webhooks import Webhook

from schemas.identifiers import PartyAddress
from streams.ledger.webhook_secrets import WebhookSecret

_IDS = UUID("5e0c2f0e-2b5d-5a0e-8c53-7e3f5d1b9a42")


def webhook_id(recipient: PartyAddress, sequence: int) -> str:
    """The same for each try of a message to a recipient, also by hand: by it a repeat is recognised."""
    return str(uuid5(_IDS, f"{recipient}|{sequence}"))


def signed_headers(id_: str, at: datetime, body: bytes, secrets: Iterable[WebhookSecret]) -> dict[str, str]:
    """`at` is aware; a receiver refuses what is more than five minutes old."""
    when = at.astimezone(UTC)
    text = body.decode()
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(int(when.timestamp())),
        "webhook-signature": " ".join(Webhook(s.text).sign(id_, when, text) for s in secrets),
    }
