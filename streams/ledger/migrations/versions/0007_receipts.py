"""which receipts a party wants, and how far senders know what was acknowledged

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "receipt_wishes",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("valid_from", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("receipts", sa.Text(), nullable=False, comment="all, or faults: without plain acceptance"),
        sa.PrimaryKeyConstraint("party", "valid_from"),
    )
    op.add_column(
        "mailboxes",
        sa.Column(
            "told",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="up to here senders know what was acknowledged, where they want to",
        ),
    )
    op.execute("UPDATE mailboxes SET told = acknowledged")
    op.add_column(
        "webhooks", sa.Column("began", sa.BigInteger(), comment="messages up to here were never posted")
    )
    op.execute("UPDATE webhooks SET began = cursor")
    op.alter_column("webhooks", "began", nullable=False)


def downgrade() -> None:
    op.drop_column("webhooks", "began")
    op.drop_column("mailboxes", "told")
    op.drop_table("receipt_wishes")
