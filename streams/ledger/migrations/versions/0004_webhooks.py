"""webhooks

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False, comment="sealed by the gateway's own key"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=True, comment="why nothing is sent"),
        sa.Column(
            "cursor", sa.BigInteger(), nullable=False, comment="up to here all arrived or has an exception"
        ),
        sa.Column("added_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "activated_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="when it first agreed to get messages",
        ),
        sa.Column(
            "held_until",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="as it asked by Retry-After",
        ),
        sa.Column(
            "validate_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="the next handshake, while it is pending",
        ),
        sa.Column(
            "validations",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="handshakes in vain",
        ),
        sa.PrimaryKeyConstraint("party"),
    )
    op.create_table(
        "webhook_exceptions",
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column(
            "order_key",
            sa.Text(),
            nullable=True,
            comment="the case within which nothing is overtaken; null: none",
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column(
            "next_attempt_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="null while it waits behind another",
        ),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_attempt_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "last_status", sa.Text(), nullable=True, comment="what the endpoint answered, without content"
        ),
        sa.Column("round", sa.Integer(), nullable=False, comment="redeliveries by hand"),
        sa.Column("told", sa.Text(), nullable=True, comment="outcome that its sender was told last"),
        sa.ForeignKeyConstraint(["recipient"], ["webhooks.party"]),
        sa.PrimaryKeyConstraint("recipient", "sequence"),
    )
    op.create_index(
        "webhook_exceptions_due",
        "webhook_exceptions",
        ["recipient", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state = 'WAITING' AND next_attempt_at IS NOT NULL"),
    )
    op.create_index(
        "webhook_exceptions_in_order",
        "webhook_exceptions",
        ["recipient", "order_key", "sequence"],
        unique=False,
        postgresql_where=sa.text("state = 'WAITING'"),
    )
    op.create_index(
        "webhook_exceptions_by_end",
        "webhook_exceptions",
        ["recipient", "expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'WAITING'"),
    )
    op.create_index(
        "webhook_exceptions_failed",
        "webhook_exceptions",
        ["recipient", "sequence"],
        unique=False,
        postgresql_where=sa.text("state IN ('FAILED', 'EXPIRED')"),
    )


def downgrade() -> None:
    op.drop_table("webhook_exceptions")
    op.drop_table("webhooks")
