"""The relational tables. A change here comes with an Alembic migration beside it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(64), nullable=False),
    Column("name_key", String(128), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False, server_default="0"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("user_id", BigInteger, nullable=False, index=True),
    Column("family", BigInteger, nullable=False, index=True),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger, nullable=True),
)

owner_codes = Table(
    "owner_codes",
    metadata,
    Column("code_hash", LargeBinary(32), primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
)

passwords = Table(
    "passwords",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("code_hash", LargeBinary(32), nullable=False, unique=True),
    Column("invited_by", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("uses_left", Integer, nullable=False),
)

departures = Table(
    "departures",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("gone_ms", BigInteger, nullable=False),
    Column("done", Boolean, nullable=False),
)

rooms = Table(
    "rooms",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("slug", String(80), nullable=False, unique=True),
    Column("dj_id", BigInteger, nullable=False, index=True),
    Column("ended", Boolean, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("due_ms", Float, nullable=True, index=True),
    Column("dj_seen_ms", Float, nullable=True),
    Column("body", LargeBinary, nullable=False),
)

tracks = Table(
    "tracks",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("source", String(16), nullable=False),
    Column("path", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("artist", Text, nullable=True),
    Column("album", Text, nullable=True),
    Column("search", Text, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=True),
    Column("samples", BigInteger, nullable=True),
    Column("rate_hz", Integer, nullable=True),
    Column("loudness_lufs", Float, nullable=True),
    Column("true_peak_db", Float, nullable=True),
    Column("blob_key", String(64), nullable=True, index=True),
    Column("cover_key", String(80), nullable=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("added_ms", BigInteger, nullable=False),
    Column("offline", Boolean, nullable=False, server_default="0"),
    Column("album_artist", Text, nullable=True),
    Column("track_number", Integer, nullable=True),
    Column("disc_number", Integer, nullable=True),
    Column("year", Integer, nullable=True),
    Column("album_key", String(32), nullable=True, index=True),
    Column("album_sort", Text, nullable=True),
    Column("credited", Text, nullable=True),
    Column("credited_key", Text, nullable=True, index=True),
    Column("sound", String(64), nullable=True, index=True),
    Column("tags_version", Integer, nullable=False, server_default="0"),
    Column("owner_id", BigInteger, nullable=True, index=True),
    Column("last_played_ms", BigInteger, nullable=True),
    Column("encoded_bytes", BigInteger, nullable=False, server_default="0"),
    Index("tracks_by_status", "status"),
    Index("tracks_by_text", "search", "id"),
    Index("tracks_by_album", "album_sort", "album_key", "credited_key"),
)

track_peaks = Table(
    "track_peaks",
    metadata,
    Column("track_id", BigInteger, primary_key=True, autoincrement=False),
    Column("peaks", LargeBinary, nullable=False),
)
"""Apart from `tracks`: 18 KB of waveform within each row would have to be walked over to compare 50,000 files."""

SEARCH_TABLE = "tracks_search"
"""The full-text index of `tracks`: SQLite's own kind of table, which `metadata` cannot describe.

Its rowid is the track's id. A deleted track leaves it, and `track_peaks`, by a trigger, which whoever rebuilds `tracks`
must make anew."""

plays = Table(
    "plays",
    metadata,
    Column("room_id", BigInteger, primary_key=True, autoincrement=False),
    Column("started_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False),
    Column("ended_ms", BigInteger, nullable=False),
    Column("track_id", BigInteger, nullable=False),
    Column("added_by_id", BigInteger, nullable=False, index=True),
    Column("added_by_name", String(64), nullable=False),
    Column("added_by_role", String(16), nullable=False),
    Column("track", LargeBinary, nullable=False),
    Index("plays_by_track", "room_id", "track_id", "started_ms"),
)

saved_queues = Table(
    "saved_queues",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, nullable=False),
    Column("name", String(80), nullable=False),
    Column("name_key", String(240), nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    UniqueConstraint("user_id", "name_key"),
)

saved_queue_tracks = Table(
    "saved_queue_tracks",
    metadata,
    Column("queue_id", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("track_id", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("artist", Text, nullable=True),
    Column("duration_ms", BigInteger, nullable=False),
)

home_bans = Table(
    "home_bans",
    metadata,
    Column("room_id", BigInteger, primary_key=True, autoincrement=False),
    Column("home", LargeBinary(16), primary_key=True),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("banned_ms", BigInteger, nullable=False),
    Column("lapses_ms", BigInteger, nullable=False, index=True),
)

node_leases = Table(
    "node_leases",
    metadata,
    Column("node", Integer, primary_key=True, autoincrement=False),
    Column("holder", String(64), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)

encode_jobs = Table(
    "encode_jobs",
    metadata,
    Column("track_id", BigInteger, primary_key=True, autoincrement=False),
    Column("stage", String(8), primary_key=True),
    Column("urgency", String(8), nullable=False),
    Column("turn", Integer, nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=True),
    Column("holder", String(64), nullable=True),
    Column("until_ms", BigInteger, nullable=False),
    Index("encode_jobs_by_turn", "state", "turn", "asked_ms"),
)
