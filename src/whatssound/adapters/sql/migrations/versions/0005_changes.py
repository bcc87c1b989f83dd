"""When somebody's name or role changed last.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody changed as far as is known; a token issued before this update says what was true an hour ago at most."""
    op.add_column("users", sa.Column("changed_ms", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("users", "changed_ms")
