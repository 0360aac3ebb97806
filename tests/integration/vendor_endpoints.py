"""A vendor's endpoint as it should be, and bad ones: each does one thing wrong."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.conformance.requirements import takes
from streams.ledger.webhook_secrets import new_secret
from tests.integration.webhook_room import Answer, Got, Receiver

SECRET = new_secret()
FORGERIES = {
    "endpoint.wrong-signature",
    "endpoint.changed-body",
    "endpoint.unsigned",
    "endpoint.old-timestamp",
    "endpoint.future-timestamp",
}
Behaviour = Callable[[Got], int | None]
"""Status of an answer to a well-signed message; None: as a good endpoint."""


def good(got: Got) -> Answer:
    """What a vendor's endpoint does, by the published library."""
    try:
        Webhook(SECRET.text).verify(got.body, dict(got.headers))
    except WebhookVerificationError:
        return Answer(401)
    return Answer(204)


def but(behaviour: Behaviour) -> Receiver:
    """A good endpoint in everything else."""

    def answer(got: Got) -> Answer:
        said = good(got)
        status = behaviour(got) if said.status == 204 else None
        return Answer(status) if status else said

    return Receiver(answer=answer)


def data_of(got: Got) -> dict[str, Any]:
    return dict(json.loads(got.body).get("data", {}))


def without_time(got: Got) -> Answer:
    headers = got.headers
    if "webhook-id" not in headers:
        return Answer(401)
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    own = Webhook(SECRET.text).sign(headers["webhook-id"], at, got.body.decode())
    return Answer(204 if own in headers["webhook-signature"].split() else 401)


def after_parsing(got: Got) -> Answer:
    try:
        body = orjson.dumps(orjson.loads(got.body))
        Webhook(SECRET.text).verify(body, dict(got.headers))
    except WebhookVerificationError:
        return Answer(401)
    return Answer(204)


def first_signature_only(got: Got) -> Answer:
    headers = dict(got.headers)
    if "webhook-signature" in headers:
        headers["webhook-signature"] = headers["webhook-signature"].split()[0]
    try:
        Webhook(SECRET.text).verify(got.body, headers)
    except WebhookVerificationError:
        return Answer(401)
    return Answer(204)


class Remembering:
    """Endpoints that know what came before."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.revisions: dict[str, int] = {}
        self.highest = 0
        self.busy = threading.Lock()
        self.met = threading.Event()
        self.gap_seen = False

    def fails_on_a_repeat(self, got: Got) -> int | None:
        known = got.headers["webhook-id"] in self.ids
        self.ids.add(got.headers["webhook-id"])
        return 500 if known else None

    def wants_the_next_revision(self, got: Got) -> int | None:
        data = data_of(got)
        if "revision" not in data:
            return None
        before = self.revisions.get(data["task_id"], 0)
        self.revisions[data["task_id"]] = max(before, data["revision"])
        return 409 if data["revision"] < before else None

    def wants_the_next_number(self, got: Got) -> int | None:
        if "sequence" not in json.loads(got.body) or self.gap_seen:
            return None
        self.gap_seen = got.sequence > self.highest + 1
        self.highest = max(self.highest, got.sequence)
        return 503 if self.gap_seen else None

    def serves_one_at_a_time(self, got: Got) -> int | None:
        if "sequence" not in json.loads(got.body):
            return None
        of_the_four = self.gap_seen
        self.gap_seen = self.gap_seen or got.sequence > self.highest + 1
        self.highest = max(self.highest, got.sequence)
        if not self.busy.acquire(blocking=False):
            self.met.set()
            return 429
        try:
            # After the gap the four come: the first of them holds on until another is there, too.
            if of_the_four:
                self.met.wait(5)
        finally:
            self.busy.release()
        return None


KNOWN_ATTRIBUTES = {"specversion", "id", "source", "type", "time", "sequence", "subject", "datacontenttype"}


def closed_attributes(got: Got) -> int | None:
    return 400 if json.loads(got.body).keys() - KNOWN_ATTRIBUTES - {"data"} else None


BAD = {
    "does not agree": (lambda: Receiver(answer=good, consents=None), {"endpoint.agrees"}),
    "knows another secret": (lambda: Receiver(answer=lambda _: Answer(401)), {"endpoint.signed"}),
    "redirects": (lambda: Receiver(answer=lambda _: Answer(302)), {"endpoint.signed"}),
    "takes whatever comes": (lambda: Receiver(), FORGERIES),
    "fails on what is forged": (
        lambda: Receiver(answer=lambda got: Answer(500 if good(got).status == 401 else 204)),
        FORGERIES,
    ),
    "does not look at the time": (
        lambda: Receiver(answer=without_time),
        {"endpoint.old-timestamp", "endpoint.future-timestamp"},
    ),
    "verifies what its parser made of it": (lambda: Receiver(answer=after_parsing), {"endpoint.raw-body"}),
    "looks at one signature": (lambda: Receiver(answer=first_signature_only), {"endpoint.two-signatures"}),
    "fails on a repeat": (lambda: but(Remembering().fails_on_a_repeat), {"endpoint.repeat"}),
    "knows no receipts": (
        lambda: but(lambda got: 422 if "dk.overgang.receipt.v1" in got.body.decode() else None),
        {takes("dk.overgang.receipt.v1")},
    ),
    "refuses unknown attributes": (lambda: but(closed_attributes), {"endpoint.unknown-attribute"}),
    "refuses unknown fields": (
        lambda: but(lambda got: 400 if "added_later" in data_of(got) else None),
        {"endpoint.unknown-field"},
    ),
    "has a closed list of kinds": (
        lambda: but(lambda got: 400 if "LATER" in data_of(got).get("kind", "") else None),
        {"endpoint.unknown-code"},
    ),
    "cannot take a task away": (
        lambda: but(lambda got: 500 if data_of(got).get("state") == "WITHDRAWN" else None),
        {"endpoint.revisions"},
    ),
    "wants revisions in order": (
        lambda: but(Remembering().wants_the_next_revision),
        {"endpoint.older-revision"},
    ),
    "waits for every number": (lambda: but(Remembering().wants_the_next_number), {"endpoint.gap"}),
    "serves one at a time": (
        lambda: but(Remembering().serves_one_at_a_time),
        {"endpoint.four-at-once"},
    ),
    "takes short bodies only": (
        lambda: but(lambda got: 413 if len(got.body) > 20_000 else None),
        {"endpoint.large"},
    ),
}
