"""The message database's tables and its version, in a file of its own."""

import sqlite3

from whatssound.adapters.data_folder import DataFolderError

VERSION = 1
"""Kept in the file as `PRAGMA user_version`."""

BUSY_TIMEOUT_MS = 5_000


_CREATE = """
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
) WITHOUT ROWID;
CREATE TABLE nonces (
  room INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  nonce TEXT NOT NULL,
  id INTEGER NOT NULL,
  PRIMARY KEY (room, user_id, nonce)
) WITHOUT ROWID;
CREATE INDEX nonces_by_age ON nonces (id);
"""


def connect(file: str) -> sqlite3.Connection:
    """A connection for one thread, in autocommit; WAL, and every commit on the disk before it returns."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, cached_statements=64)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def prepare(connection: sqlite3.Connection, file: str) -> None:
    """Make the tables of an empty file. Raises DataFolderError for a version that this program does not know."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise DataFolderError(
                f"The messages in {file} were written by a newer WhatsSound (version {version}, this one knows "
                f"{VERSION}): start that one, or give another data folder with --data."
            )
        if version == 0:
            for statement in _CREATE.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
