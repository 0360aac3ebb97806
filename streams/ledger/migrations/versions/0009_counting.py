"""totals a partition, and indexes of what metrics count

Revision ID: 0009
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("accepted", "duplicates"):
        op.add_column(
            "positions",
            sa.Column(
                name, sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="inputs, so far"
            ),
        )
    # On which partition an earlier message lay is not known; the sum of a flow is what counts.
    op.execute(
        "UPDATE positions SET accepted = known.accepted, duplicates = known.duplicates FROM ("
        "  SELECT flow, count(*) AS accepted, sum(duplicates) AS duplicates FROM inbox GROUP BY flow"
        ") AS known WHERE (topic_id, partition) = ("
        "  SELECT topic_id, partition FROM positions"
        "  WHERE substring(topic FROM 'inbound\\.(.*)\\.v1$') = known.flow"
        "  ORDER BY read_since DESC, partition LIMIT 1)"
    )
    op.create_index(
        "tasks_unfinished",
        "tasks",
        ["recipient", "kind", "state"],
        postgresql_where=sa.text("state IN ('OPEN', 'OVERDUE')"),
    )
    op.create_index(
        "tasks_measured",
        "tasks",
        ["kind", "opens_on"],
        postgresql_where=sa.text("kind IN ('CONTACT_YOUNG_PERSON', 'SEND_U009')"),
    )
    op.create_index(
        "outbound_undeliverable",
        "outbound",
        ["n"],
        postgresql_where=sa.text("undeliverable_at IS NOT NULL"),
    )
    op.create_index("quarantine_by_reason", "quarantine", ["flow", "error_class"])


def downgrade() -> None:
    op.drop_index("quarantine_by_reason", table_name="quarantine")
    op.drop_index("outbound_undeliverable", table_name="outbound")
    op.drop_index("tasks_measured", table_name="tasks")
    op.drop_index("tasks_unfinished", table_name="tasks")
    op.drop_column("positions", "duplicates")
    op.drop_column("positions", "accepted")
