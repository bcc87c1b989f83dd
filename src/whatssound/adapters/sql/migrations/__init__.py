"""The database's schema over time: Alembic, run by us and not by its command."""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from whatssound.adapters.data_folder import DataFolderError
from whatssound.adapters.sql.database import prepare_connection

FOLDER: Final = Path(__file__).parent


def upgrade(url: URL) -> None:
    """Bring the database to this version's schema, in one transaction; a database of this version is not touched.

    `url` names a synchronous driver. Call it before any worker starts.
    Raises DataFolderError for a database made by a newer WhatsSound, and for one that cannot be opened.
    """
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            revision = revision_of(connection)
            if revision != head():
                _refuse_newer(revision)
                from whatssound.adapters.sql.migrations import steps  # noqa: PLC0415 - Alembic takes long to load

                steps.upgrade(connection)
    except DatabaseError as problem:
        raise DataFolderError(
            f"The database {url.database} cannot be opened: {problem.orig}. Mend its permissions, make room on the "
            "disk, or give another data folder with --data."
        ) from problem


def _engine(url: URL) -> Engine:
    """An engine whose transactions hold table changes too: Python's sqlite3 begins none before them by itself.

    A process killed half-way leaves the old schema, and two that start together take turns.
    """
    engine = create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", prepare_connection)
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin)
    return engine


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def revision_of(connection: Connection) -> str | None:
    """The revision a database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def revisions() -> list[str]:
    """Those this version knows, oldest first: each has a file that is named after it."""
    return sorted(file.name.partition("_")[0] for file in (FOLDER / "versions").glob("[0-9]*_*.py"))


def head() -> str:
    """The newest revision this version knows."""
    return revisions()[-1]


def knows(revision: str) -> bool:
    """Whether this version can use, or upgrade, a database at `revision`; a newer version's it cannot."""
    return revision in revisions()


def _refuse_newer(revision: str | None) -> None:
    if revision is not None and not knows(revision):
        raise DataFolderError(
            f"This data folder was made by a newer WhatsSound (revision {revision}); "
            "upgrade, or choose another with --data."
        )
