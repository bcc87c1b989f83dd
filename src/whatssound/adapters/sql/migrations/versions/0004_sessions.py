"""Sets, saved queues, bans by address.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _plays()
    _saved_queues()
    _home_bans()


def downgrade() -> None:
    """Drop them."""
    for table in ("home_bans", "saved_queue_tracks", "saved_queues", "plays"):
        op.drop_table(table)


def _plays() -> None:
    op.create_table(
        "plays",
        sa.Column("room_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=False),
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("added_by_id", sa.BigInteger(), nullable=False),
        sa.Column("added_by_name", sa.String(64), nullable=False),
        sa.Column("added_by_role", sa.String(16), nullable=False),
        sa.Column("track", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "started_ms", "entry_id"),
    )
    op.create_index("plays_by_track", "plays", ["room_id", "track_id", "started_ms"])
    op.create_index("ix_plays_added_by_id", "plays", ["added_by_id"])


def _saved_queues() -> None:
    op.create_table(
        "saved_queues",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("name_key", sa.String(240), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("user_id", "name_key"),
    )
    op.create_table(
        "saved_queue_tracks",
        sa.Column("queue_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("artist", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("queue_id", "place"),
    )


def _home_bans() -> None:
    op.create_table(
        "home_bans",
        sa.Column("room_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("home", sa.LargeBinary(16), nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("banned_ms", sa.BigInteger(), nullable=False),
        sa.Column("lapses_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "home", "user_id"),
    )
    op.create_index("ix_home_bans_lapses_ms", "home_bans", ["lapses_ms"])
