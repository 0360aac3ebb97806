"""The secrets that an endpoint's messages are signed with, sealed while they lie in the database."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from schemas.identifiers import PartyAddress
from streams.ledger.sealing import Seal

_BYTES = 32


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """`text` as Standard Webhooks writes it, `whsec_...`; `ends_at`: when it stops to sign, None: never."""

    text: str
    ends_at: datetime | None = None

    def __repr__(self) -> str:
        return f"WebhookSecret(ends_at={self.ends_at})"


def new_secret() -> WebhookSecret:
    """256 random bits, without an end."""
    return WebhookSecret("whsec_" + base64.b64encode(secrets.token_bytes(_BYTES)).decode())


def seal_secrets(seal: Seal, party: PartyAddress, known: Sequence[WebhookSecret]) -> bytes:
    """Sealed for that party: another's do not open."""
    rows = [[secret.text, secret.ends_at] for secret in known]
    return seal.seal(orjson.dumps(rows), _context(party))


def open_secrets(seal: Seal, party: PartyAddress, sealed: bytes, now: datetime) -> list[WebhookSecret]:
    """Those in force at that instant, the newest first. Raises CannotOpen."""
    rows = orjson.loads(seal.open(sealed, _context(party)))
    known = [WebhookSecret(text, datetime.fromisoformat(end) if end else None) for text, end in rows]
    return [secret for secret in known if secret.ends_at is None or now < secret.ends_at]


def _context(party: PartyAddress) -> bytes:
    return f"webhook {party}".encode()
