"""The schema: what migrations build is what the code expects, whole or not at all."""

import re
import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from whatssound.adapters.data_folder import DataFolderError
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import sqlite_url
from whatssound.adapters.sql.tables import metadata


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "whatssound.sqlite3"


def migrate(file: Path) -> None:
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))


def test_a_migrated_database_has_exactly_the_tables_of_the_code(file: Path) -> None:
    migrate(file)
    engine = create_engine(sqlite_url(file, driver="pysqlite"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
        assert migrations.revision_of(connection) == migrations.head()
    engine.dispose()


def test_migrating_twice_changes_nothing(file: Path) -> None:
    migrate(file)
    before = sorted(row for row in sqlite3.connect(file).execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL"))
    migrate(file)
    after = sorted(row for row in sqlite3.connect(file).execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL"))
    assert before == after


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
