"""The deliverer's numbers: each says how to read it. No label holds anything about a person."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """One set a deliverer."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.attempts = Counter(
            "overgang_webhook_attempts",
            "Posts by what came of them. `again` for long: an endpoint is away; `refused`: a receiver does"
            " not take what the contract says.",
            ["verdict"],
            registry=registry,
        )
        self.seconds = Histogram(
            "overgang_webhook_seconds",
            "From the look-up of the name to the answer.",
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
            registry=registry,
        )
        self.endpoints = Gauge(
            "overgang_webhook_endpoints",
            "Endpoints that this deliverer has. Over all deliverers the sum is the number of webhooks.",
            registry=registry,
        )
        self.away = Gauge(
            "overgang_webhook_endpoints_away",
            "Endpoints of which nothing but errors was heard lately. They are tried one message at a time.",
            registry=registry,
        )
        self.exceptions = Gauge(
            "overgang_webhook_exceptions",
            "Messages that wait for another try, failed or expired, over all endpoints. FAILED and EXPIRED"
            " want a person: `overgang webhooks failed`.",
            ["state"],
            registry=registry,
        )

    def exposition(self) -> bytes:
        """All numbers in Prometheus' text format."""
        return generate_latest(self.registry)
