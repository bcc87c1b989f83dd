"""SQLite files as backup and doctor see them: copied while in use, checked, told that they have moved."""

import sqlite3
from contextlib import closing
from pathlib import Path

from whatssound.config import StartError


def copy(source: Path, target: Path) -> None:
    """The database as it is at this moment, everything acknowledged included; whoever uses it goes on.

    One step under one read transaction: in several, SQLite would begin anew after every write of the server.
    """
    with closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as live, closing(_new(target)) as new:
        live.backup(new)


def _new(target: Path) -> sqlite3.Connection:
    target.touch(mode=0o600, exist_ok=False)
    return sqlite3.connect(target)


def complaint(file: Path) -> str | None:
    """What is wrong with a database, or None; reads all of it. Raises StartError for what is none."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            said = [str(row[0]) for row in database.execute("PRAGMA quick_check(3)")]
    except sqlite3.DatabaseError as problem:
        return str(problem)
    return None if said == ["ok"] else "; ".join(said)


def revision(file: Path) -> str:
    """The schema the relational database is at; "" for one that has none yet."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return ""
    except sqlite3.DatabaseError as problem:
        raise StartError(f"{file} is no database of WhatsSound: {problem}.") from problem
    return str(row[0]) if row else ""


def moved(file: Path, old_root: str, new_root: str) -> None:
    """Tracks name their files by the data folder: those under `old_root` are under `new_root` now."""
    old, new = f"{old_root.rstrip('/')}/", f"{new_root.rstrip('/')}/"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "UPDATE tracks SET path = ? || substr(path, ?) WHERE substr(path, 1, ?) = ?",
            (new, len(old) + 1, len(old), old),
        )
