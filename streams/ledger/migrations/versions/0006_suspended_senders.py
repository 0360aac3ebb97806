"""faults of systems that sign what they write, and which of them may send no more

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sender_faults",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column(
            "proof", sa.LargeBinary(), nullable=False, comment="digest of the signature: a copy counts once"
        ),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "forgiven",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="the system was resumed after it",
        ),
        sa.PrimaryKeyConstraint("system", "proof"),
    )
    op.create_index("sender_faults_by_time", "sender_faults", ["system", "at"], unique=False)
    op.add_column(
        "systems",
        sa.Column(
            "sending_suspended_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="since when it may send nothing; it may still read",
        ),
    )
    op.add_column("systems", sa.Column("sending_suspended_because", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("systems", "sending_suspended_because")
    op.drop_column("systems", "sending_suspended_at")
    op.drop_index("sender_faults_by_time", table_name="sender_faults")
    op.drop_table("sender_faults")
