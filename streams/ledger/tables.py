"""The ledger's tables. Alembic makes them (`migrations/`); a test proves that the two agree.

No column outside a sealed `bytea` holds an identifier, a name or a birth date: citizens stand here by their
pseudonym. Case keys live in a schema of their own, `keyring`, so that they can be dumped, kept and destroyed
apart from what they seal.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

metadata = MetaData()
_INSTANT = TIMESTAMP(timezone=True)

positions = Table(
    "positions",
    metadata,
    Column("topic_id", UUID(as_uuid=True), primary_key=True, comment="Kafka's own id of the topic"),
    Column("partition", Integer, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("next", BigInteger, nullable=False, comment="offset of the first input without an outcome"),
    Column("read_since", _INSTANT, nullable=False, server_default=text("now()")),
    Column("accepted", BigInteger, nullable=False, server_default=text("0"), comment="inputs, so far"),
    Column("duplicates", BigInteger, nullable=False, server_default=text("0"), comment="inputs, so far"),
    Index("positions_by_name", "topic", "partition"),
)

flows = Table(
    "flows",
    metadata,
    Column("flow", Text, primary_key=True),
    Column("faults", BigInteger, nullable=False, server_default=text("0"), comment="our own faults so far"),
    Column("last_fault", Text, comment="kind and place of the last one, never its text"),
    Column("stopped_at", _INSTANT),
    Column("stopped_because", Text),
)

inbox = Table(
    "inbox",
    metadata,
    Column("source", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("flow", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="of the content the sender chose"),
    Column("case_key", Text, nullable=False),
    Column("time", _INSTANT, nullable=False),
    Column("received_at", _INSTANT, nullable=False),
    Column("warnings", JSONB, nullable=False),
    Column("duplicates", Integer, nullable=False, server_default=text("0"), comment="times it came again"),
)

cases = Table(
    "cases",
    metadata,
    Column("key", Text, primary_key=True),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("decided_at", _INSTANT, comment="as_of of the last decision; never goes back"),
    Column("next_change", _INSTANT, comment="the instant at which deciding again would give something else"),
    Column("rules_digest", Text, comment="of rules and code lists that the last decision used"),
    Column("stuck_at", _INSTANT),
    Column("stuck_because", Text),
    Column("merged_into", Text, comment="the case that goes on with the facts and tasks of this one"),
    Index("cases_by_next_change", "next_change", postgresql_where=text("next_change IS NOT NULL")),
    Index("cases_stuck", "stuck_at", postgresql_where=text("stuck_at IS NOT NULL")),
    Index("cases_merged", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
)

facts = Table(
    "facts",
    metadata,
    Column("case_key", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("flow", Text, nullable=False),
    Column("time", _INSTANT, nullable=False),
    Column("attributes", JSONB, nullable=False, comment="correlationid, causationid, traceparent, subject"),
    Column("payload", LargeBinary, nullable=False, comment="sealed Avro value in wire format"),
    Column("forwarded_to", JSONB, nullable=False, comment="recipients that have a forward of it"),
    Column("warnings", JSONB, nullable=False, comment="those that rules give now, not those of the content"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("task_id", Text, primary_key=True),
    Column("case_key", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("recipient", Text, comment="null: unrouted"),
    Column("subject", Text),
    Column("state", Text, nullable=False, comment="a task state, or WITHDRAWN where its ground is gone"),
    Column("mandatory", Boolean, nullable=False),
    Column("opens_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("rule", Text, nullable=False),
    Column("rule_set", Text, nullable=False),
    Column("legal_basis", Text),
    Column("warnings", JSONB, nullable=False),
    Column("caused_by", JSONB, nullable=False),
    Column("closed_by", Text),
    Column("explanation", Text, nullable=False),
    Column("enrolment_id", Text),
    Column("eu_case_id", Text),
    Column("decided_at", _INSTANT, nullable=False),
    Index("tasks_by_case", "case_key"),
    Index("tasks_by_recipient", "recipient", "state", "due_on"),
    Index(
        "tasks_unfinished",
        "recipient",
        "kind",
        "state",
        postgresql_where=text("state IN ('OPEN', 'OVERDUE')"),
    ),
    Index(
        "tasks_measured",
        "kind",
        "opens_on",
        postgresql_where=text("kind IN ('CONTACT_YOUNG_PERSON', 'SEND_U009')"),
    ),
)

task_revisions = Table(
    "task_revisions",
    metadata,
    Column("task_id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("recipient", Text),
    Column("state", Text, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("closed_by", Text),
    Column("explanation", Text, nullable=False),
    Column("decided_at", _INSTANT, nullable=False),
)

outbound = Table(
    "outbound",
    metadata,
    Column("n", BigInteger, Identity(always=True), primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("sequence", BigInteger, comment="gap-free number of its recipient, given by the relay"),
    Column("source", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("time", _INSTANT, nullable=False),
    Column("attributes", JSONB, nullable=False, comment="correlationid, causationid, traceparent, subject"),
    Column("case_key", Text, comment="whose key seals the payload; null: the gateway's own"),
    Column("payload", LargeBinary, nullable=False, comment="sealed Avro value in wire format"),
    Column("written_at", _INSTANT, nullable=False),
    Column("published_at", _INSTANT, comment="when the broker had acknowledged it"),
    Column("undeliverable_at", _INSTANT),
    Column("undeliverable_reason", Text),
    Index("outbound_once", "source", "message_id", "recipient", unique=True),
    Index("outbound_sequence", "recipient", "sequence", unique=True),
    Index(
        "outbound_waiting",
        "n",
        postgresql_where=text("published_at IS NULL AND undeliverable_at IS NULL"),
    ),
    Index(
        "outbound_in_order",
        "recipient",
        "sequence",
        postgresql_where=text("published_at IS NULL AND undeliverable_at IS NULL"),
    ),
    Index("outbound_unnumbered", "n", postgresql_where=text("sequence IS NULL")),
    Index("outbound_undeliverable", "n", postgresql_where=text("undeliverable_at IS NOT NULL")),
    Index("outbound_by_case", "case_key", postgresql_where=text("case_key IS NOT NULL")),
)

cursors = Table(
    "cursors",
    metadata,
    Column("recipient", Text, primary_key=True),
    Column("last_sequence", BigInteger, nullable=False),
)

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("party", Text, primary_key=True, comment="one that reads its mailbox, or has done so"),
    Column(
        "acknowledged",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="its reader has every message up to this sequence",
    ),
    Column(
        "told",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="up to here senders know what was acknowledged, where they want to",
    ),
    Column("first_read_at", _INSTANT, nullable=False, server_default=text("now()")),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("n", BigInteger, Identity(always=True), primary_key=True),
    Column("topic_id", UUID(as_uuid=True), nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("flow", Text, nullable=False),
    Column("source", Text, comment="as the input names it, where that is a party's address"),
    Column("message_id", Text, comment="as the input names it, where that is a UUID"),
    Column("system", Text, comment="which proved to have sent it; null where none has"),
    Column("error_class", Text, nullable=False),
    Column("reasons", JSONB, nullable=False, comment="[{field, problem, mend}]"),
    Column("original", LargeBinary, nullable=False, comment="sealed: key, headers and value as they came"),
    Column("attempts", Integer, nullable=False, server_default=text("1")),
    Column("received_at", _INSTANT, nullable=False),
    Index("quarantine_once", "topic_id", "partition", "offset", unique=True),
    Index("quarantine_by_message", "source", "message_id"),
    Index("quarantine_by_reason", "flow", "error_class"),
)

case_keys = Table(
    "case_keys",
    metadata,
    Column("case_key", Text, primary_key=True),
    Column("wrapped", LargeBinary, comment="the case's AES key under the wrapping key; null: destroyed"),
    schema="keyring",
)

fingerprints = Table(
    "fingerprints",
    metadata,
    Column("key", Text, primary_key=True, comment="which key: pseudonym or wrapping"),
    Column("fingerprint", LargeBinary, nullable=False),
    schema="keyring",
)

parties = Table(
    "parties",
    metadata,
    Column("address", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date, comment="its last day"),
    Column("successor", Text, comment="who acts in its place afterwards"),
)

receipt_wishes = Table(
    "receipt_wishes",
    metadata,
    Column("party", Text, primary_key=True),
    Column("valid_from", _INSTANT, primary_key=True),
    Column("receipts", Text, nullable=False, comment="all, or faults: without plain acceptance"),
)

systems = Table(
    "systems",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("suspended_at", _INSTANT),
    Column("suspended_because", Text),
    Column("sending_suspended_at", _INSTANT, comment="since when it may send nothing; it may still read"),
    Column("sending_suspended_because", Text),
)

sender_faults = Table(
    "sender_faults",
    metadata,
    Column("system", Text, primary_key=True),
    Column("proof", LargeBinary, primary_key=True, comment="digest of the signature: a copy counts once"),
    Column("at", _INSTANT, nullable=False),
    Column(
        "forgiven",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="the system was resumed after it",
    ),
    Index("sender_faults_by_time", "system", "at"),
)

grants = Table(
    "grants",
    metadata,
    Column("n", BigInteger, Identity(always=True), primary_key=True),
    Column("system", Text, ForeignKey("systems.id"), nullable=False),
    Column("party", Text, nullable=False, comment="an address; * for each, in the embedded profile only"),
    Column("right", Text, nullable=False),
    Column("flow", Text, comment="null: every flow that the party may send"),
    Column("valid_from", _INSTANT, nullable=False),
    Column("valid_to", _INSTANT),
)

credentials = Table(
    "credentials",
    metadata,
    Column("n", BigInteger, Identity(always=True), primary_key=True),
    Column("system", Text, ForeignKey("systems.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column(
        "value",
        Text,
        nullable=False,
        comment="issuer and subject of its tokens, a certificate's SHA-256, or thumbprint and public key",
    ),
    Column("valid_from", _INSTANT, nullable=False),
    Column("valid_to", _INSTANT),
    Column("revoked_at", _INSTANT),
    Index("credentials_by_value", "kind", "value"),
)

audit = Table(
    "audit",
    metadata,
    Column("n", BigInteger, Identity(always=True), primary_key=True),
    Column("at", _INSTANT, nullable=False),
    Column(
        "actor", Text, nullable=False, comment="the system that asked, or the account at the command line"
    ),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("party", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("secrets", LargeBinary, nullable=False, comment="sealed by the gateway's own key"),
    Column("state", Text, nullable=False),
    Column("because", Text, comment="why nothing is sent"),
    Column("cursor", BigInteger, nullable=False, comment="up to here all arrived or has an exception"),
    Column("began", BigInteger, nullable=False, comment="messages up to here were never posted"),
    Column("added_at", _INSTANT, nullable=False),
    Column("activated_at", _INSTANT, comment="when it first agreed to get messages"),
    Column("held_until", _INSTANT, comment="as it asked by Retry-After"),
    Column("validate_at", _INSTANT, comment="the next handshake, while it is pending"),
    Column("validations", Integer, nullable=False, server_default=text("0"), comment="handshakes in vain"),
)

webhook_exceptions = Table(
    "webhook_exceptions",
    metadata,
    Column("recipient", Text, ForeignKey("webhooks.party"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("source", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("order_key", Text, comment="the case within which nothing is overtaken; null: none"),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", _INSTANT, comment="null while it waits behind another"),
    Column("expires_at", _INSTANT, nullable=False),
    Column("last_attempt_at", _INSTANT),
    Column("last_status", Text, comment="what the endpoint answered, without content"),
    Column("round", Integer, nullable=False, comment="redeliveries by hand"),
    Column("told", Text, comment="outcome that its sender was told last"),
    Index(
        "webhook_exceptions_due",
        "recipient",
        "next_attempt_at",
        postgresql_where=text("state = 'WAITING' AND next_attempt_at IS NOT NULL"),
    ),
    Index(
        "webhook_exceptions_in_order",
        "recipient",
        "order_key",
        "sequence",
        postgresql_where=text("state = 'WAITING'"),
    ),
    Index("webhook_exceptions_by_end", "recipient", "expires_at", postgresql_where=text("state = 'WAITING'")),
    Index(
        "webhook_exceptions_failed",
        "recipient",
        "sequence",
        postgresql_where=text("state IN ('FAILED', 'EXPIRED')"),
    ),
)
