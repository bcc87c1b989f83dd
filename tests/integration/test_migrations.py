"""The schema: what migrations build is what the code expects, whole or not at all."""

import re
import sqlite3
import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from whatssound.adapters.data_folder import DataFolderError
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import sqlite_url
from whatssound.adapters.sql.migrations.steps import configuration
from whatssound.adapters.sql.tables import SEARCH_TABLE, metadata


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "whatssound.sqlite3"


def migrate(file: Path) -> None:
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))


def is_search(table: str | None) -> bool:
    """The full-text index is SQLite's own kind of table, with shadow tables of its own."""
    return table is not None and table.startswith(SEARCH_TABLE)


def test_a_migrated_database_has_exactly_the_tables_of_the_code(file: Path) -> None:
    migrate(file)
    engine = create_engine(sqlite_url(file, driver="pysqlite"))
    with engine.connect() as connection:
        options = {"compare_type": True, "include_name": lambda name, *_: not is_search(name)}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        tables = [name for name in inspect(connection).get_table_names() if not is_search(name)]
        assert set(tables) == {*metadata.tables, "alembic_version"}
        assert migrations.revision_of(connection) == migrations.head()
    engine.dispose()


def test_every_revision_has_a_file_that_is_named_after_it() -> None:
    steps = ScriptDirectory.from_config(configuration()).walk_revisions()
    assert [step.revision for step in steps] == migrations.revisions()[::-1]


def test_migrating_twice_changes_nothing(file: Path) -> None:
    migrate(file)
    before = sorted(row for row in sqlite3.connect(file).execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL"))
    migrate(file)
    after = sorted(row for row in sqlite3.connect(file).execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL"))
    assert before == after


def test_tracks_of_an_older_version_are_searched_and_leave_the_search_when_they_go(file: Path) -> None:
    at(file, "0001")
    with sqlite3.connect(file) as old:
        old.execute(
            "INSERT INTO tracks (id, source, path, title, artist, search, duration_ms, status, size_bytes, mtime_ns, "
            "added_ms) VALUES (7, 'library', '/a.flac', 'Jóga', 'Björk', 'joga bjork', 1, 'available', 1, 1, 1)"
        )
    migrate(file)
    found = "SELECT rowid FROM tracks_search WHERE tracks_search MATCH 'joga bjork'"
    with sqlite3.connect(file) as new:
        assert new.execute(found).fetchall() == [(7,)]
        new.execute("DELETE FROM tracks")
        assert new.execute(found).fetchall() == []


def test_the_way_back_and_forth_again_ends_where_it_was(file: Path) -> None:
    migrate(file)
    before = schema(file)
    at(file, "0001", down=True)
    migrate(file)
    assert schema(file) == before


def at(file: Path, revision: str, *, down: bool = False) -> None:
    """Take the database to a revision that is not the newest."""
    engine = create_engine(sqlite_url(file, driver="pysqlite"))
    config = configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)
    engine.dispose()


def schema(file: Path) -> list[tuple[str, str]]:
    """Every table's columns, as SQLite lists them, and every index."""
    connection = sqlite3.connect(file)
    rows = connection.execute("SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c").fetchall()
    connection.close()
    return sorted(rows)


def test_a_database_of_a_newer_version_is_refused_with_advice_and_left_alone(file: Path) -> None:
    migrate(file)
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DataFolderError, match=re.escape("made by a newer WhatsSound (revision 9999)")):
        migrate(file)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    connection.close()


def test_a_migration_that_breaks_half_way_leaves_the_database_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = sqlite3.connect(file)
    with broken:
        broken.execute("CREATE TABLE tracks (id INTEGER)")
    with pytest.raises(DataFolderError, match="tracks already exists"):
        migrate(file)
    assert broken.execute("SELECT name FROM sqlite_master").fetchall() == [("tracks",)]
    with broken:
        broken.execute("DROP TABLE tracks")
    broken.close()
    migrate(file)


def test_two_processes_that_start_together_both_succeed(file: Path) -> None:
    problems: list[BaseException] = []

    def start() -> None:
        try:
            migrate(file)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_file_that_is_no_database_is_named(file: Path) -> None:
    file.write_bytes(b"This is a letter to my aunt." * 100)
    with pytest.raises(DataFolderError, match=re.escape(str(file))):
        migrate(file)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "whatssound.sqlite3"
    with pytest.raises(DataFolderError, match=re.escape(str(file))):
        migrate(file)
