"""The library at scale: search, albums, offline marks, what the cache holds.

Revision ID: 0002
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INDEXED = ("owner_id", "album_key", "credited_key", "sound")


def upgrade() -> None:
    """Columns one by one: rebuilding the table would drop its trigger."""
    for column in _columns():
        op.add_column("tracks", column)
    for name in _INDEXED:
        op.create_index(f"ix_tracks_{name}", "tracks", [name])
    op.create_index("tracks_by_text", "tracks", ["search", "id"])
    op.create_index("tracks_by_album", "tracks", ["album_sort", "album_key", "credited_key"])
    op.create_table(
        "track_peaks",
        sa.Column("track_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("track_id"),
    )
    op.execute("INSERT INTO track_peaks (track_id, peaks) SELECT id, peaks FROM tracks WHERE peaks IS NOT NULL")
    op.drop_column("tracks", "peaks")
    _create_search()


def _create_search() -> None:
    # prefix: the first letters that somebody types are looked up, not gathered from every word that begins so.
    op.execute(
        "CREATE VIRTUAL TABLE tracks_search USING fts5"
        "(title, people, album, tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')"
    )
    op.execute(
        "INSERT INTO tracks_search (rowid, title, people, album) "
        "SELECT id, title, coalesce(artist, ''), coalesce(album, '') FROM tracks"
    )
    op.execute(
        "CREATE TRIGGER tracks_search_forgets AFTER DELETE ON tracks "
        "BEGIN DELETE FROM tracks_search WHERE rowid = old.id; DELETE FROM track_peaks WHERE track_id = old.id; END"
    )


def downgrade() -> None:
    """Go back."""
    op.execute("DROP TRIGGER tracks_search_forgets")
    op.execute("DROP TABLE tracks_search")
    op.add_column("tracks", sa.Column("peaks", sa.LargeBinary(), nullable=True))
    op.execute("UPDATE tracks SET peaks = (SELECT peaks FROM track_peaks WHERE track_id = id)")
    op.drop_table("track_peaks")
    op.drop_index("tracks_by_album", "tracks")
    op.drop_index("tracks_by_text", "tracks")
    for name in _INDEXED:
        op.drop_index(f"ix_tracks_{name}", "tracks")
    for column in reversed(_columns()):
        op.drop_column("tracks", column.name)


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("offline", sa.Boolean(), nullable=False, server_default="0"),
        sa.Column("album_artist", sa.Text(), nullable=True),
        sa.Column("track_number", sa.Integer(), nullable=True),
        sa.Column("disc_number", sa.Integer(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("album_key", sa.String(32), nullable=True),
        sa.Column("album_sort", sa.Text(), nullable=True),
        sa.Column("credited", sa.Text(), nullable=True),
        sa.Column("credited_key", sa.Text(), nullable=True),
        sa.Column("sound", sa.String(64), nullable=True),
        sa.Column("tags_version", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column("last_played_ms", sa.BigInteger(), nullable=True),
        sa.Column("encoded_bytes", sa.BigInteger(), nullable=False, server_default="0"),
    ]
