"""A first word to an endpoint: whether it agrees, and what it says to a signed event without content."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

import orjson

from connectors.webhooks.client import WebhookClient
from connectors.webhooks.signing import signed_headers
from connectors.webhooks.verdict import Answer
from schemas.envelope import SPECVERSION
from schemas.problems import OvergangError
from streams.ledger.webhook_secrets import WebhookSecret

TRIAL_TYPE = "dk.overgang.webhook-test.v1"
"""Belongs to no flow, bears no `sequence` and no data: a receiver answers 2xx and forgets it."""


class DoesNotAgree(OvergangError):
    """The endpoint did not consent to being posted to, so nothing was."""


async def trial(client: WebhookClient, url: str, secrets: Sequence[WebhookSecret], now: datetime) -> Answer:
    """The handshake, then one signed event. Raises DoesNotAgree."""
    if why := await client.refusal(url):
        raise DoesNotAgree(why)
    id_ = str(uuid4())
    event = {
        "specversion": SPECVERSION,
        "id": id_,
        "source": "/gateway",
        "type": TRIAL_TYPE,
        "time": now.isoformat(),
    }
    body = orjson.dumps(event)
    return await client.post(url, signed_headers(id_, now, body, secrets), body)
