"""seals on the bus

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BEFORE = "issuer and subject of its tokens, or a certificate's SHA-256"
_AFTER = "issuer and subject of its tokens, a certificate's SHA-256, or thumbprint and public key"


def upgrade() -> None:
    op.add_column(
        "quarantine",
        sa.Column(
            "system", sa.Text(), nullable=True, comment="which proved to have sent it; null where none has"
        ),
    )
    op.alter_column("credentials", "value", comment=_AFTER, existing_comment=_BEFORE)


def downgrade() -> None:
    op.alter_column("credentials", "value", comment=_BEFORE, existing_comment=_AFTER)
    op.drop_column("quarantine", "system")
