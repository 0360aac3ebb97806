"""first tables

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cases",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "decided_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="as_of of the last decision; never goes back",
        ),
        sa.Column(
            "next_change",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="the instant at which deciding again would give something else",
        ),
        sa.Column(
            "rules_digest",
            sa.Text(),
            nullable=True,
            comment="of rules and code lists that the last decision used",
        ),
        sa.Column("stuck_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("stuck_because", sa.Text(), nullable=True),
        sa.Column(
            "merged_into",
            sa.Text(),
            nullable=True,
            comment="the case that goes on with the facts and tasks of this one",
        ),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(
        "cases_by_next_change",
        "cases",
        ["next_change"],
        unique=False,
        postgresql_where=sa.text("next_change IS NOT NULL"),
    )
    op.create_index(
        "cases_merged",
        "cases",
        ["merged_into"],
        unique=False,
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    op.create_index(
        "cases_stuck", "cases", ["stuck_at"], unique=False, postgresql_where=sa.text("stuck_at IS NOT NULL")
    )
    op.create_table(
        "cursors",
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("recipient"),
    )
    op.create_table(
        "facts",
        sa.Column("case_key", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("time", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="correlationid, causationid, traceparent, subject",
        ),
        sa.Column("payload", sa.LargeBinary(), nullable=False, comment="sealed Avro value in wire format"),
        sa.Column(
            "forwarded_to",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="recipients that have a forward of it",
        ),
        sa.Column(
            "warnings",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="those that rules give now, not those of the content",
        ),
        sa.PrimaryKeyConstraint("case_key", "source", "id"),
    )
    op.create_table(
        "flows",
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column(
            "faults",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="our own faults so far",
        ),
        sa.Column(
            "last_fault", sa.Text(), nullable=True, comment="kind and place of the last one, never its text"
        ),
        sa.Column("stopped_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("stopped_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("flow"),
    )
    op.create_table(
        "inbox",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="of the content the sender chose"),
        sa.Column("case_key", sa.Text(), nullable=False),
        sa.Column("time", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("received_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "duplicates",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="times it came again",
        ),
        sa.PrimaryKeyConstraint("source", "id"),
    )
    op.create_table(
        "case_keys",
        sa.Column("case_key", sa.Text(), nullable=False),
        sa.Column(
            "wrapped",
            sa.LargeBinary(),
            nullable=True,
            comment="the case's AES key under the wrapping key; null: destroyed",
        ),
        sa.PrimaryKeyConstraint("case_key"),
        schema="keyring",
    )
    op.create_table(
        "fingerprints",
        sa.Column("key", sa.Text(), nullable=False, comment="which key: pseudonym or wrapping"),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        schema="keyring",
    )
    op.create_table(
        "outbound",
        sa.Column("n", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column(
            "sequence",
            sa.BigInteger(),
            nullable=True,
            comment="gap-free number of its recipient, given by the relay",
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("time", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="correlationid, causationid, traceparent, subject",
        ),
        sa.Column(
            "case_key",
            sa.Text(),
            nullable=True,
            comment="whose key seals the payload; null: the gateway's own",
        ),
        sa.Column("payload", sa.LargeBinary(), nullable=False, comment="sealed Avro value in wire format"),
        sa.Column("written_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "published_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="when the broker had acknowledged it",
        ),
        sa.Column("undeliverable_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("undeliverable_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_index(
        "outbound_by_case",
        "outbound",
        ["case_key"],
        unique=False,
        postgresql_where=sa.text("case_key IS NOT NULL"),
    )
    op.create_index(
        "outbound_in_order",
        "outbound",
        ["recipient", "sequence"],
        unique=False,
        postgresql_where=sa.text("published_at IS NULL AND undeliverable_at IS NULL"),
    )
    op.create_index("outbound_once", "outbound", ["source", "message_id", "recipient"], unique=True)
    op.create_index("outbound_sequence", "outbound", ["recipient", "sequence"], unique=True)
    op.create_index(
        "outbound_unnumbered", "outbound", ["n"], unique=False, postgresql_where=sa.text("sequence IS NULL")
    )
    op.create_index(
        "outbound_waiting",
        "outbound",
        ["n"],
        unique=False,
        postgresql_where=sa.text("published_at IS NULL AND undeliverable_at IS NULL"),
    )
    op.create_table(
        "positions",
        sa.Column("topic_id", sa.UUID(), nullable=False, comment="Kafka's own id of the topic"),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column(
            "next", sa.BigInteger(), nullable=False, comment="offset of the first input without an outcome"
        ),
        sa.Column(
            "read_since", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("topic_id", "partition"),
    )
    op.create_index("positions_by_name", "positions", ["topic", "partition"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("n", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("topic_id", sa.UUID(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column(
            "source",
            sa.Text(),
            nullable=True,
            comment="as the input names it, where that is a party's address",
        ),
        sa.Column(
            "message_id", sa.Text(), nullable=True, comment="as the input names it, where that is a UUID"
        ),
        sa.Column("error_class", sa.Text(), nullable=False),
        sa.Column(
            "reasons",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="[{field, problem, mend}]",
        ),
        sa.Column(
            "original",
            sa.LargeBinary(),
            nullable=False,
            comment="sealed: key, headers and value as they came",
        ),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("received_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_index("quarantine_by_message", "quarantine", ["source", "message_id"], unique=False)
    op.create_index("quarantine_once", "quarantine", ["topic_id", "partition", "offset"], unique=True)
    op.create_table(
        "task_revisions",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("task_id", "revision"),
    )
    op.create_table(
        "tasks",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("case_key", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True, comment="null: unrouted"),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="a task state, or WITHDRAWN where its ground is gone"
        ),
        sa.Column("mandatory", sa.Boolean(), nullable=False),
        sa.Column("opens_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_set", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=True),
        sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("caused_by", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("enrolment_id", sa.Text(), nullable=True),
        sa.Column("eu_case_id", sa.Text(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("task_id"),
    )
    op.create_index("tasks_by_case", "tasks", ["case_key"], unique=False)
    op.create_index("tasks_by_recipient", "tasks", ["recipient", "state", "due_on"], unique=False)


def downgrade() -> None:
    op.drop_index("tasks_by_recipient", table_name="tasks")
    op.drop_index("tasks_by_case", table_name="tasks")
    op.drop_table("tasks")
    op.drop_table("task_revisions")
    op.drop_index("quarantine_once", table_name="quarantine")
    op.drop_index("quarantine_by_message", table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_index("positions_by_name", table_name="positions")
    op.drop_table("positions")
    op.drop_index(
        "outbound_waiting",
        table_name="outbound",
        postgresql_where=sa.text("published_at IS NULL AND undeliverable_at IS NULL"),
    )
    op.drop_index("outbound_unnumbered", table_name="outbound", postgresql_where=sa.text("sequence IS NULL"))
    op.drop_index("outbound_sequence", table_name="outbound")
    op.drop_index("outbound_once", table_name="outbound")
    op.drop_index(
        "outbound_in_order",
        table_name="outbound",
        postgresql_where=sa.text("published_at IS NULL AND undeliverable_at IS NULL"),
    )
    op.drop_index("outbound_by_case", table_name="outbound", postgresql_where=sa.text("case_key IS NOT NULL"))
    op.drop_table("outbound")
    op.drop_table("fingerprints", schema="keyring")
    op.drop_table("case_keys", schema="keyring")
    op.drop_table("inbox")
    op.drop_table("flows")
    op.drop_table("facts")
    op.drop_table("cursors")
    op.drop_index("cases_stuck", table_name="cases", postgresql_where=sa.text("stuck_at IS NOT NULL"))
    op.drop_index("cases_merged", table_name="cases", postgresql_where=sa.text("merged_into IS NOT NULL"))
    op.drop_index(
        "cases_by_next_change", table_name="cases", postgresql_where=sa.text("next_change IS NOT NULL")
    )
    op.drop_table("cases")
