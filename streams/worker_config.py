"""What a worker is started with."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from schemas.flows import FLOWS
from schemas.identifiers import Flow
from streams.broker_access import Login, client_settings
from streams.ledger.suspending import Tolerance
from streams.proving import LIFETIME
from streams.tracing.target import TraceTarget


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """`bootstrap` and `database_url` name broker and database; the key files are made where they are absent.
    `login`: how to log in at the broker; None: in the clear.

    `port` serves health and numbers on `host`, 0 takes a free one. `disk_floor_mb`: MiB that must be free on
    the data directory's disk for the worker to be ready. The three `_ms` are Kafka's consumer
    settings of that name: a worker that neither polls nor beats its heart for that long loses its
    partitions. `require_seal`: nothing that is neither sealed nor signed is taken from the topics;
    `seal_lifetime`: nor what was sealed or signed longer than that before the broker had it. `tolerance`: how
    many faults a system may make before it may send no more. `traces`: where they go; None: there are none.
    """

    bootstrap: str
    database_url: str
    data_directory: Path
    pseudonym_key_file: Path
    wrapping_key_file: Path
    seal_keys_file: Path
    login: Login | None = None
    require_seal: bool = False
    seal_lifetime: timedelta = LIFETIME
    tolerance: Tolerance = field(default_factory=Tolerance)
    traces: TraceTarget | None = None
    topic_prefix: str = ""
    group: str = "overgang"
    inbound_partitions: int = 6
    replication_factor: int = 1
    batch_size: int = 500
    host: str = "127.0.0.1"
    port: int = 0
    disk_floor_mb: int = 200
    max_poll_interval_ms: int = 300_000
    session_timeout_ms: int = 10_000
    heartbeat_interval_ms: int = 3_000

    def topics(self) -> dict[str, Flow]:
        """Full names of the inbound topics, with their flows."""
        return {self.topic_prefix + contract.topic: flow for flow, contract in FLOWS.items()}

    def consumer_settings(self) -> dict[str, object]:
        """The ledger holds the positions: an offset that Kafka would choose by itself is an error."""
        return {
            **client_settings(self.bootstrap, self.login),
            "group.id": self.topic_prefix + self.group,
            "partition.assignment.strategy": "range",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "queued.max.messages.kbytes": 4096,
            # A resumed partition has to wait for the fetch that is under way; the default is half a second.
            "fetch.wait.max.ms": 50,
            "max.poll.interval.ms": self.max_poll_interval_ms,
            "session.timeout.ms": self.session_timeout_ms,
            "heartbeat.interval.ms": self.heartbeat_interval_ms,
        }
