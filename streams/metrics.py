"""The worker's numbers, as `streams.measurements` lists them."""

from prometheus_client import CollectorRegistry, generate_latest

from streams.ledger.deciding import Rulebook
from streams.measurements import worker as listed
from streams.measurements.build import tell_build
from streams.measurements.labels import SYSTEM
from streams.measurements.model import Within
from streams.measurements.traces import SPANS_DROPPED


class Metrics:
    """One set a worker, so that several workers in one process do not count into each other."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.system = Within(SYSTEM)
        self.inputs = listed.INPUTS.counter(registry)
        self.quarantined = listed.QUARANTINED.counter(registry)
        self.batches = listed.BATCHES.counter(registry)
        self.apply_seconds = listed.APPLY.histogram(registry)
        self.raised = listed.RAISED.histogram(registry)
        self.decided = listed.DECIDED.histogram(registry)
        self.published = listed.PUBLISHED.histogram(registry)
        self.outbound_unpublished = listed.UNPUBLISHED.gauge(registry)
        self.relay_published = listed.RELAY_PUBLISHED.counter(registry)
        self.relay_leader = listed.RELAY_LEADER.gauge(registry)
        self.stopped_flows = listed.STOPPED_FLOWS.gauge(registry)
        self.stuck_cases = listed.STUCK_CASES.gauge(registry)
        self.suspended_senders = listed.SUSPENDED_SENDERS.gauge(registry)
        self.loop_stall_seconds = listed.LOOP_STALL.gauge(registry)
        self.agents_alive = listed.AGENTS_ALIVE.gauge(registry)
        self.batches_in_hand = listed.IN_HAND.gauge(registry)
        self.agent_seconds = listed.AGENT.histogram(registry)
        self.spans_dropped = SPANS_DROPPED.counter(registry)

    def tell_rules(self, rulebook: Rulebook) -> None:
        """By which rules and code lists this worker decides."""
        tell_build(self.registry, rulebook.book.digest, rulebook.lists.digest)

    def exposition(self) -> bytes:
        """All numbers in Prometheus' text format."""
        return generate_latest(self.registry)
