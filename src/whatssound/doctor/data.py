"""What the data folder and the music folders look like."""

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from whatssound.adapters import sqlite_files
from whatssound.adapters.data_folder import DataFolder
from whatssound.adapters.secret_file import open_secret
from whatssound.adapters.sql.migrations import head, knows
from whatssound.config import Config, StartError
from whatssound.config.sizes import about
from whatssound.doctor.finding import Finding, mend, note, ok
from whatssound.ids import ms_of

SPARE_BYTES: Final = 1_000_000_000
"""For chat, uploads and what else grows."""

CLOCK_MS: Final = 60_000
"""How far an id may lie ahead of the clock."""


def is_used(config: Config) -> bool:
    """Whether a server runs on this data folder now."""
    try:
        descriptor = os.open(DataFolder(config.data).root / "lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def folder(config: Config) -> Iterator[Finding]:
    """The folder itself: there, ours to write, used by one server."""
    root = DataFolder(config.data).root
    if not root.exists():
        parent = _existing(root)
        if os.access(parent, os.W_OK | os.X_OK):
            yield ok(f"The data folder {root} is made at the first start")
        else:
            yield mend(f"The data folder {root} cannot be made in {parent}.", "Name another with --data.")
        return
    if not root.is_dir() or not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        yield mend(
            f"The data folder {root} cannot be written by this user.",
            f"Run `chown -R $USER {root}` as administrator, or name another with --data.",
        )
        return
    yield ok(f"The data folder {root} is used by a running server" if is_used(config) else f"The data folder is {root}")


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def secret(config: Config) -> Iterator[Finding]:
    """The secret, if there is one yet; a damaged one would stop the start."""
    file = DataFolder(config.data).secret
    if file.exists() or config.jwt_secret is not None:
        try:
            if file.exists():
                open_secret(file, jwt_secret=config.jwt_secret)
                yield ok("The secret is readable by this user alone")
        except StartError as problem:
            yield mend("The secret cannot be used.", str(problem))


def disk(config: Config) -> Iterator[Finding]:
    """Room for what the cache may still grow to."""
    data = DataFolder(config.data)
    free = shutil.disk_usage(_existing(data.root)).free
    wanted = max(0, config.cache_bytes - _cached_bytes(data)) + SPARE_BYTES
    if free < wanted:
        problem = f"{about(free)} are free on the data folder's disk, but the cache may still grow by more."
        advice = f"Make room, or give the cache less: --cache-size {max(1, (free // 2) // 10**9)}GB."
        yield mend(problem, advice) if free < SPARE_BYTES else note(problem, advice)
    else:
        yield ok(f"{about(free)} are free; the cache may take {about(config.cache_bytes)} in all")


def _cached_bytes(data: DataFolder) -> int:
    if not data.database.is_file():
        return 0
    try:
        with closing(sqlite3.connect(f"{data.database.as_uri()}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT coalesce(sum(encoded_bytes), 0) FROM tracks").fetchone()[0])
    except sqlite3.DatabaseError:
        return 0


def sqlite(_config: Config) -> Iterator[Finding]:
    """The library of SQLite that Python brings."""
    try:
        with closing(sqlite3.connect(":memory:")) as database:
            database.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
    except sqlite3.OperationalError:
        yield mend(
            f"SQLite {sqlite3.sqlite_version} has no full-text search (FTS5).",
            "Use a Python whose SQLite has it: Debian's, or one from python.org.",
        )
    else:
        yield ok(f"SQLite {sqlite3.sqlite_version} with full-text search")


def databases(config: Config) -> Iterator[Finding]:
    """Both files read from end to end, and their version; a running server goes on meanwhile."""
    data = DataFolder(config.data)
    for file, what in ((data.database, "accounts, rooms and tracks"), (data.messages, "messages")):
        if not file.is_file():
            continue
        complaint = sqlite_files.complaint(file)
        if complaint is not None:
            yield mend(
                f"The database of {what} is damaged: {complaint}",
                f"Stop the server, move {data.root} away, and restore your newest backup: `whatssound restore FILE`.",
            )
        else:
            yield ok(f"The database of {what} is whole ({about(file.stat().st_size)})")
    if data.database.is_file():
        yield from _version(data)


def _version(data: DataFolder) -> Iterator[Finding]:
    revision = sqlite_files.revision(data.database)
    if revision and not knows(revision):
        yield mend(f"A newer WhatsSound has used this data folder (revision {revision}).", "Upgrade WhatsSound.")
    elif revision != head():
        yield note("The database is of an older version.", "The next start upgrades it; make a backup before.")
    else:
        yield from _clock(data.database)


def _clock(file: Path) -> Iterator[Finding]:
    """Ids carry their time: one from the future tells that the clock was turned back."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        newest = max(
            int(database.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0])
            for table in ("users", "rooms", "tracks")
        )
    ahead_ms = ms_of(newest) - time.time() * 1_000 if newest else 0
    if ahead_ms > CLOCK_MS:
        yield mend(
            f"The clock is {ahead_ms / 60_000:,.0f} minutes behind what it said before.",
            "Set it: `timedatectl set-ntp true`. Until then messages get the times of before.",
        )
    else:
        yield ok("The clock agrees with the newest id")


def libraries(config: Config) -> Iterator[Finding]:
    """The folders of music."""
    for path in config.libraries:
        if not path.is_dir():
            yield mend(
                f"The music folder {path} is not there.", "Mount it, or correct --library; its tracks stay known."
            )
            continue
        try:
            with os.scandir(path) as entries:
                empty = next(entries, None) is None
        except OSError as problem:
            yield mend(f"The music folder {path} cannot be read: {problem.strerror}.", "Let this user read it.")
            continue
        if empty:
            yield note(f"The music folder {path} is empty.", "Is the share mounted?")
        else:
            yield ok(f"The music folder {path} is readable")
