"""What the HTTP API is told: where the broker and the database are, and how much it takes in hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from connectors.access.tokens import AUDIENCE, Keys
from connectors.http.limits import LimitConfig
from schemas.code_lists import CodeLists
from schemas.code_lists import shipped as shipped_lists
from schemas.pseudonym import PseudonymKey
from streams.broker_access import Login
from streams.ledger.sealing import Seal
from streams.ledger_numbers import COUNT_EVERY
from streams.seal_keys import SealKeys
from streams.tracing.target import TraceTarget

KIB = 1024


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """Settings of one API process. Sizes in bytes, times in seconds.

    They keep memory bounded: at most `batches_in_hand` batches are checked at a time, and
    `messages_in_flight` messages are not acknowledged yet; `polls` requests wait at a mailbox,
    `polls_of_system` of them of one system, `polls_of_party` at one party and `polls_of_one` of one system at
    one party, each for `longest_wait` at most; `limits` are each system's own share of the rest, and
    `mailbox_page` bytes of messages in an answer (a single message may be larger). `token_issuers`: keys of
    each issuer whose tokens count. `everybody`: whether grants for every party at once can be made.
    `wrapping` opens what lies in the mailboxes and seals secrets of webhooks; `loopback_webhooks`: those may
    lead to this machine. `count_every`: how often one API counts in the ledger for metrics.
    `disk_floor_mb`: MiB that must be free on the disk of `data_directory` for the API to be ready. `traces`:
    where they go; None: there are none.
    """

    kafka_bootstrap: str
    database_url: str
    pseudonym_key: PseudonymKey
    seal_keys: SealKeys
    token_issuers: Mapping[str, Keys]
    wrapping: Seal
    kafka_login: Login | None = None
    data_directory: Path = Path()
    disk_floor_mb: int = 200
    token_audience: str = AUDIENCE
    everybody: bool = False
    loopback_webhooks: bool = False
    webhook_ttl: timedelta = timedelta(days=14)
    topic_prefix: str = ""
    consumer_group: str = "overgang"
    lists: CodeLists = field(default_factory=shipped_lists)
    acknowledge_within: float = 5.0
    messages_in_flight: int = 4000
    single_body_limit: int = 80 * KIB
    batch_body_limit: int = 8 * KIB * KIB
    batch_items: int = 500
    batches_in_hand: int = 4
    body_within: float = 30.0
    database_connections: int = 8
    longest_wait: float = 60.0
    polls: int = 400
    polls_of_one: int = 4
    polls_of_system: int = 200
    polls_of_party: int = 32
    limits: LimitConfig = field(default_factory=LimitConfig)
    mailbox_page: int = 1024 * KIB
    count_every: float = COUNT_EVERY
    traces: TraceTarget | None = None
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
