"""what readers of mailboxes have acknowledged

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mailboxes",
        sa.Column("party", sa.Text(), nullable=False, comment="one that reads its mailbox, or has done so"),
        sa.Column(
            "acknowledged",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="its reader has every message up to this sequence",
        ),
        sa.Column(
            "first_read_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("party"),
    )


def downgrade() -> None:
    op.drop_table("mailboxes")
