"""What the API counts, as `streams.measurements` lists it; no label grows with the traffic."""

from prometheus_client import CollectorRegistry, generate_latest

from streams.measurements import connectors as listed
from streams.measurements.labels import SYSTEM
from streams.measurements.model import Within
from streams.measurements.traces import SPANS_DROPPED


class Metrics:
    """One registry an app, so that two apps in one process do not share counts."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.system = Within(SYSTEM)
        self.requests = listed.REQUESTS.counter(registry)
        self.seconds = listed.REQUEST.histogram(registry)
        self.ingest = listed.INGEST.counter(registry)
        self.in_flight = listed.IN_FLIGHT.gauge(registry)
        self.batches = listed.BATCHES.gauge(registry)
        self.limited = listed.LIMITED.counter(registry)
        self.polls = listed.POLLS.gauge(registry)
        self.polls_of = listed.POLLS_OF.gauge(registry)
        self.delivered = listed.DELIVERED.histogram(registry)
        self.leads = listed.LEADS.gauge(registry)
        self.spans_dropped = SPANS_DROPPED.counter(registry)

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.registry)
