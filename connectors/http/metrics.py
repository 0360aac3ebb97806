"""What the API counts. Labels are route templates, statuses and kinds: no label grows with the traffic.

How to read them: `overgang_http_requests_total` by route and status, 5xx should stay at 0 but for 503;
`overgang_http_request_seconds` the time to answer, for POST that of the broker's acknowledgement;
`overgang_ingest_total` messages (not requests) by outcome: `accepted`, or the slug of the refusal;
`overgang_ingest_in_flight` messages waiting for Kafka, near its limit the API answers 503;
`overgang_ingest_batches` batches that are being received or checked, steadily above 4 they wait for a turn;
`overgang_limited_total` refusals (429) by limit and system: one that grows steadily is somebody's loop;
`overgang_mailbox_waiting` requests that wait for a message, near its limit (400) the API answers 503;
`overgang_mailbox_oldest_unread_seconds` by party that reads its mailbox: above an hour its reader is stuck.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One registry an app, so that two apps in one process do not share counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "overgang_http_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "overgang_http_request_seconds",
            "Time to answer",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.ingest = Counter(
            "overgang_ingest", "Messages by what became of them", ["outcome"], registry=self.registry
        )
        self.in_flight = Gauge(
            "overgang_ingest_in_flight", "Messages that wait for Kafka", registry=self.registry
        )
        self.batches = Gauge(
            "overgang_ingest_batches", "Batches in hand, from their first byte on", registry=self.registry
        )
        self.limited = Counter(
            "overgang_limited",
            "Refusals by limit and the system that had reached it",
            ["limit", "system"],
            registry=self.registry,
        )
        self.polls = Gauge(
            "overgang_mailbox_waiting", "Requests that wait at a mailbox", registry=self.registry
        )

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.registry)
