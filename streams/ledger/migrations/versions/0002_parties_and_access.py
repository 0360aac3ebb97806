"""parties and access

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("n", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "actor",
            sa.Text(),
            nullable=False,
            comment="the system that asked, or the account at the command line",
        ),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_table(
        "parties",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True, comment="its last day"),
        sa.Column("successor", sa.Text(), nullable=True, comment="who acts in its place afterwards"),
        sa.PrimaryKeyConstraint("address"),
    )
    op.create_table(
        "systems",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("suspended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("suspended_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "credentials",
        sa.Column("n", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "value",
            sa.Text(),
            nullable=False,
            comment="issuer and subject of its tokens, or a certificate's SHA-256",
        ),
        sa.Column("valid_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("valid_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["system"],
            ["systems.id"],
        ),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_index("credentials_by_value", "credentials", ["kind", "value"], unique=False)
    op.create_table(
        "grants",
        sa.Column("n", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column(
            "party", sa.Text(), nullable=False, comment="an address; * for each, in the embedded profile only"
        ),
        sa.Column("right", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=True, comment="null: every flow that the party may send"),
        sa.Column("valid_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("valid_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["system"],
            ["systems.id"],
        ),
        sa.PrimaryKeyConstraint("n"),
    )


def downgrade() -> None:
    op.drop_table("grants")
    op.drop_index("credentials_by_value", table_name="credentials")
    op.drop_table("credentials")
    op.drop_table("systems")
    op.drop_table("parties")
    op.drop_table("audit")
