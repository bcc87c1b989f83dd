"""The message database's tables and its version, in a file of its own."""

import sqlite3
from itertools import chain

from whatssound.adapters.data_folder import DataFolderError

BUSY_TIMEOUT_MS = 5_000

KEPT_OVERHEAD_BYTES = 200
"""What a kept broadcast is counted for beside its payload: its row, its places in two indexes, its event's name."""

_FIRST = (
    """
CREATE TABLE messages (
  room INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  user_name TEXT NOT NULL,
  user_role TEXT NOT NULL,
  text TEXT NOT NULL,
  nonce TEXT NOT NULL,
  reply_to INTEGER,
  edit_rev INTEGER NOT NULL DEFAULT 0,
  deleted INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (room, bucket, id)
) WITHOUT ROWID
""",
    """
CREATE TABLE nonces (
  room INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  nonce TEXT NOT NULL,
  id INTEGER NOT NULL,
  PRIMARY KEY (room, user_id, nonce)
) WITHOUT ROWID
""",
    "CREATE INDEX nonces_by_age ON nonces (id)",
)

# Rows of their own beside the key, because a payload may be as long as a frame. Triggers count, so that what is kept
# can be bounded without reading it, and whoever deletes cannot forget to.
_KEPT = (
    """
CREATE TABLE kept (
  topic INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  id INTEGER NOT NULL,
  event TEXT NOT NULL,
  payload BLOB NOT NULL,
  is_json INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  PRIMARY KEY (topic, bucket, id)
)
""",
    "CREATE INDEX kept_by_expiry ON kept (expires_ms)",
    "CREATE TABLE kept_size (broadcasts INTEGER NOT NULL, bytes INTEGER NOT NULL)",
    "INSERT INTO kept_size VALUES (0, 0)",
    f"""
CREATE TRIGGER kept_more AFTER INSERT ON kept BEGIN
  UPDATE kept_size SET broadcasts = broadcasts + 1, bytes = bytes + {KEPT_OVERHEAD_BYTES} + length(new.payload);
END
""",
    f"""
CREATE TRIGGER kept_less AFTER DELETE ON kept BEGIN
  UPDATE kept_size SET broadcasts = broadcasts - 1, bytes = bytes - {KEPT_OVERHEAD_BYTES} - length(old.payload);
END
""",
)

_STEPS = (_FIRST, _KEPT)
"""What leads from each version to the next; an empty file is version 0."""

VERSION = len(_STEPS)
"""Kept in the file as `PRAGMA user_version`."""


def connect(file: str) -> sqlite3.Connection:
    """A connection for one thread, in autocommit; WAL, and every commit on the disk before it returns."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, cached_statements=64)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def prepare(connection: sqlite3.Connection, file: str) -> None:
    """Make the tables that are missing. Raises DataFolderError for a version that this program does not know."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise DataFolderError(
                f"The messages in {file} were written by a newer WhatsSound (version {version}, this one knows "
                f"{VERSION}): start that one, or give another data folder with --data."
            )
        for statement in chain.from_iterable(_STEPS[version:]):
            connection.execute(statement)
        if version < VERSION:
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
