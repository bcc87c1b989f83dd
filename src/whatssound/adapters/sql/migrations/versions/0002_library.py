"""The library at scale: search, albums, offline marks, what the cache holds.

Revision ID: 0002
"""

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables up to date."""


def downgrade() -> None:
    """Go back."""
