"""The worker's numbers: each says how to read it. No label holds anything about a person."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """One set a worker, so that several workers in one process do not count into each other."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.inputs = Counter(
            "overgang_inputs",
            "Inputs that have an outcome. Compare with what was produced: the difference is the lag.",
            ["flow", "outcome"],
            registry=registry,
        )
        self.quarantined = Counter(
            "overgang_quarantined",
            "Inputs that could not be accepted, by class and by the system that proved to have sent them"
            " (empty where none has). SEAL_BROKEN, NOT_SEALED: somebody writes to the topics who should not.",
            ["flow", "error_class", "system"],
            registry=registry,
        )
        self.batches = Counter(
            "overgang_batches",
            "Batches by what became of them. `retried` grows while the database is away; `fenced` now and"
            " then is a rebalance, steadily it is two readers of one partition.",
            ["flow", "outcome"],
            registry=registry,
        )
        self.apply_seconds = Histogram(
            "overgang_apply_seconds",
            "Decoding and storing one batch. Above 1 s: long case histories or a slow database disk.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self.outbound_unpublished = Gauge(
            "overgang_outbound_unpublished",
            "Rows that wait for the broker, as the leading relay sees them (0 on others). Growing: the relay"
            " or a recipient's topic is stuck.",
            registry=registry,
        )
        self.relay_published = Counter(
            "overgang_relay_published",
            "Rows marked published after the broker had acknowledged them.",
            registry=registry,
        )
        self.relay_leader = Gauge(
            "overgang_relay_leader",
            "1 while this worker's relay leads. Over all workers the sum is 1; 0 for long: nobody publishes.",
            registry=registry,
        )
        self.stopped_flows = Gauge(
            "overgang_stopped_flows",
            "Flows that read no further until they are resumed. Anything but 0 wants a person.",
            registry=registry,
        )
        self.stuck_cases = Gauge(
            "overgang_stuck_cases",
            "Cases whose decision raised: facts kept, tasks old. Anything but 0 is our bug.",
            registry=registry,
        )
        self.suspended_senders = Gauge(
            "overgang_suspended_senders",
            "Systems that may send nothing since too much of what they signed could not be accepted. Anything"
            " but 0 wants a person.",
            registry=registry,
        )
        self.loop_stall_seconds = Gauge(
            "overgang_loop_stall_seconds",
            "How late the event loop woke up, one look a second. Above 0.5: something blocks it.",
            registry=registry,
        )
        self.agents_alive = Gauge(
            "overgang_agents_alive",
            "Flow agents that run. Fewer than the number of flows: the worker is about to exit 1.",
            registry=registry,
        )

    def exposition(self) -> bytes:
        """All numbers in Prometheus' text format."""
        return generate_latest(self.registry)
