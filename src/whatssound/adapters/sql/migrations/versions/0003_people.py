"""Passwords, invitations, quotas.

Revision ID: 0003
"""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables up to date."""


def downgrade() -> None:
    """Go back."""
