"""What the API and the deliverer tell of their own work. Counters begin at 0 with the process."""

from typing import Final

from streams.measurements.labels import PARTY, SHORT, SYSTEM, WAITING
from streams.measurements.model import Domain, Kind, Measurement, Where
from streams.measurements.traces import SPANS_DROPPED

_API: Final = (Where.API,)
_DELIVERER: Final = (Where.DELIVERER,)
_METHOD: Final = Domain(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"))
_ROUTE: Final = Domain(most=100)

REQUESTS: Final = Measurement(
    "overgang_http_requests_total",
    Kind.COUNTER,
    "requests",
    _API,
    "Requests answered, by the route's template and the status. 5xx should stay at 0 but for 503; 499: the"
    " client went away.",
    {"method": _METHOD, "route": _ROUTE, "status": Domain(most=40)},
    at_most=1_000,
)
REQUEST: Final = Measurement(
    "overgang_http_request_seconds",
    Kind.HISTOGRAM,
    "seconds",
    _API,
    "Time to answer; of a POST of messages that of the broker's acknowledgement, of a mailbox the wait too.",
    {"method": _METHOD, "route": _ROUTE},
    SHORT,
    at_most=150,
)
INGEST: Final = Measurement(
    "overgang_ingest_total",
    Kind.COUNTER,
    "messages",
    _API,
    "Messages, not requests, by what became of them: `accepted`, or the slug of the refusal.",
    {"outcome": Domain(most=60)},
)
IN_FLIGHT: Final = Measurement(
    "overgang_ingest_in_flight",
    Kind.GAUGE,
    "messages",
    _API,
    "Messages that wait for Kafka. Near its limit (4,000) the API answers 503.",
)
BATCHES: Final = Measurement(
    "overgang_ingest_batches",
    Kind.GAUGE,
    "batches",
    _API,
    "Batches that are being received or checked. Steadily above 4 they wait for a turn.",
)
LIMITED: Final = Measurement(
    "overgang_limited_total",
    Kind.COUNTER,
    "requests",
    _API,
    "Refusals (429) by limit and the system that had reached it. One that grows steadily is somebody's loop.",
    {"limit": Domain(most=10), "system": SYSTEM},
)
POLLS: Final = Measurement(
    "overgang_mailbox_waiting",
    Kind.GAUGE,
    "requests",
    _API,
    "Requests that wait at a mailbox. Near its limit (400) the API answers 503.",
)
POLLS_OF: Final = Measurement(
    "overgang_mailbox_waiting_of",
    Kind.GAUGE,
    "requests",
    _API,
    "The same by the system that asks, at most 200 each: who takes the places when there are few left.",
    {"system": SYSTEM},
)
UNREAD: Final = Measurement(
    "overgang_mailbox_oldest_unread_seconds",
    Kind.GAUGE,
    "seconds",
    _API,
    "How long the oldest message has waited that its reader did not acknowledge, by party that has ever read"
    " its mailbox. Above an hour its reader is stuck. Every API tells it: use max by (party).",
    {"party": PARTY},
)
LEADS: Final = Measurement(
    "overgang_ledger_leader",
    Kind.GAUGE,
    "1",
    _API,
    "1 while this API counts in the ledger. Over all APIs the sum is 1; 0 for long: no"
    " overgang_ledger_ number is told.",
)
ATTEMPTS: Final = Measurement(
    "overgang_webhook_attempts_total",
    Kind.COUNTER,
    "posts",
    _DELIVERER,
    "Posts by what came of them. `again` (retries) for long: an endpoint is away; `refused`: a receiver does"
    " not take what the contract says.",
    {"verdict": Domain(("delivered", "refused", "gone", "again"))},
)
POST: Final = Measurement(
    "overgang_webhook_seconds",
    Kind.HISTOGRAM,
    "seconds",
    _DELIVERER,
    "From the look-up of the name to the answer.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
ENDPOINTS: Final = Measurement(
    "overgang_webhook_endpoints",
    Kind.GAUGE,
    "endpoints",
    _DELIVERER,
    "Endpoints that this deliverer has. Over all deliverers the sum is the number of webhooks.",
)
AWAY: Final = Measurement(
    "overgang_webhook_endpoints_away",
    Kind.GAUGE,
    "endpoints",
    _DELIVERER,
    "Endpoints of which nothing but errors was heard lately. They are tried one message at a time.",
)
EXCEPTIONS: Final = Measurement(
    "overgang_webhook_exceptions",
    Kind.GAUGE,
    "messages",
    _DELIVERER,
    "Messages that wait for another try, failed or expired, over all endpoints; every deliverer tells"
    " all. FAILED and EXPIRED want a person: `overgang webhooks failed`.",
    {"state": Domain(("WAITING", "FAILED", "EXPIRED"))},
)
DELIVERED: Final = Measurement(
    "overgang_delivered_seconds",
    Kind.HISTOGRAM,
    "seconds",
    (Where.API, Where.DELIVERER),
    "From when a message was written until its recipient had it: acknowledged in its mailbox, or 2xx of its"
    " webhook. Of an acknowledgement that covers more than 1,000 messages the last 1,000.",
    {"channel": Domain(("mailbox", "webhook"))},
    WAITING,
)

API: Final = (
    REQUESTS,
    REQUEST,
    INGEST,
    IN_FLIGHT,
    BATCHES,
    LIMITED,
    POLLS,
    POLLS_OF,
    UNREAD,
    LEADS,
    DELIVERED,
    SPANS_DROPPED,
)
DELIVERER: Final = (ATTEMPTS, POST, ENDPOINTS, AWAY, EXCEPTIONS, DELIVERED, SPANS_DROPPED)
