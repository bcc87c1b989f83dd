"""What is to be encoded, and who is at it.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What an older version had not finished is done as if somebody had asked for it."""
    op.create_table(
        "encode_jobs",
        sa.Column("track_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.String(8), nullable=False),
        sa.Column("urgency", sa.String(8), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("holder", sa.String(64), nullable=True),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("track_id", "stage"),
    )
    op.create_index("encode_jobs_by_turn", "encode_jobs", ["state", "turn", "asked_ms"])
    op.execute(
        "INSERT INTO encode_jobs (track_id, stage, urgency, turn, asked_ms, state, attempts, until_ms)"
        " SELECT id, 'first', 'asked', 3, added_ms, 'waiting', 0, 0 FROM tracks WHERE status IN ('queued', 'encoding')"
    )


def downgrade() -> None:
    """Drop the table: tracks say themselves that they wait."""
    op.drop_table("encode_jobs")
