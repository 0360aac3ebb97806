"""The deliverer's numbers, as `streams.measurements` lists them."""

from prometheus_client import CollectorRegistry, generate_latest

from streams.measurements import connectors as listed
from streams.measurements.traces import SPANS_DROPPED


class Metrics:
    """One set a deliverer."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.attempts = listed.ATTEMPTS.counter(registry)
        self.seconds = listed.POST.histogram(registry)
        self.endpoints = listed.ENDPOINTS.gauge(registry)
        self.away = listed.AWAY.gauge(registry)
        self.exceptions = listed.EXCEPTIONS.gauge(registry)
        self.delivered = listed.DELIVERED.histogram(registry)
        self.spans_dropped = SPANS_DROPPED.counter(registry)

    def exposition(self) -> bytes:
        """All numbers in Prometheus' text format."""
        return generate_latest(self.registry)
