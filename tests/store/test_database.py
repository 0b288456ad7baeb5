import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from event_model.errors import StoreError
from store.database import Database
from store.schema import STEPS
from store.sqlite import SqliteFile
from tests.store.matches import NOW, match

TIME = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_a_state_file_is_for_its_owner_alone_and_made_once(tmp_path: Path) -> None:
    for _ in range(2):
        database = Database(tmp_path)
        assert database.file.read("PRAGMA user_version")[0][0] == len(STEPS)
        assert database.file.read("PRAGMA journal_mode")[0][0] == "wal"
        assert (tmp_path / "state.db").stat().st_mode & 0o077 == 0
        database.close()


def test_an_older_schema_is_brought_up_to_date_and_keeps_its_rows(tmp_path: Path) -> None:
    first = ("CREATE TABLE notes (text TEXT)",)
    second = ("ALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT 'nobody'",)
    old = SqliteFile(tmp_path / "x.db", [first])
    with old.transaction() as connection:
        connection.execute("INSERT INTO notes VALUES ('hello')")
    old.close()
    new = SqliteFile(tmp_path / "x.db", [first, second])
    assert [tuple(row) for row in new.read("SELECT * FROM notes")] == [("hello", "nobody")]
    new.close()


def test_a_step_that_fails_leaves_the_schema_as_it_was(tmp_path: Path) -> None:
    first = ("CREATE TABLE notes (text TEXT)",)
    SqliteFile(tmp_path / "x.db", [first]).close()
    with pytest.raises(StoreError):
        SqliteFile(tmp_path / "x.db", [first, ("CREATE TABLE more (text TEXT)", "no SQL")])
    again = SqliteFile(tmp_path / "x.db", [first])
    assert [row[0] for row in again.read("SELECT name FROM sqlite_master")] == ["notes"]
    again.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Database(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "state.db")
    connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    connection.close()
    with pytest.raises(
        StoreError, match=rf"newer Tallyman \(schema {len(STEPS) + 1}, ours is {len(STEPS)}\)"
    ):
        Database(tmp_path)


def test_files_that_are_not_ours_are_refused_and_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "state.db")
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="not Tallyman's"):
        Database(tmp_path)
    (tmp_path / "state.db").write_bytes(b"not a database at all, but long enough to be taken for one" * 20)
    with pytest.raises(StoreError, match=r"not a database.*Move it away"):
        Database(tmp_path)


def test_a_folder_that_is_missing_or_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(StoreError, match=r"state\.db"):
            Database(place)


def test_many_may_open_a_new_state_file_at_one_time(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def open_it() -> None:
        try:
            Database(tmp_path).close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_threads_share_what_is_written_and_nothing_after_closing(tmp_path: Path) -> None:
    database = Database(tmp_path)
    threads = [
        threading.Thread(
            target=database.alerts.record,
            args=([match(0, user=f"user{number}")], NOW, ("20261123-000", number)),
        )
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(database.alerts.listed().alerts) == 8
    database.close()
    with pytest.raises(StoreError, match="has been closed"):
        database.alerts.listed()


def test_a_full_disk_undoes_the_transaction_and_says_what_to_do(tmp_path: Path) -> None:
    database = Database(tmp_path)
    database.alerts.record([match(0)], NOW, ("20261123-000", 1))
    pages = database.file.read("PRAGMA page_count")[0][0]
    database.file.read(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StoreError, match=r"full\. Make room on that disk"):
        database.alerts.record([match(n, user=f"u{n}") for n in range(500)], NOW, ("20261123-000", 2))
    database.file.read("PRAGMA max_page_count = 1000000")
    assert database.alerts.inspected() == ("20261123-000", 1)
    assert (
        len(database.alerts.record([match(n, user=f"u{n}") for n in range(500)], NOW, ("20261123-000", 2)))
        == 500
    )
    database.close()


def test_counters_are_those_saved_last(tmp_path: Path) -> None:
    database = Database(tmp_path)
    assert database.counters.load() == {}
    database.counters.save({'events{source="audit"}': 5, "old": 1})
    database.counters.save({'events{source="audit"}': 7, "lag_seconds": 0.5})
    assert database.counters.load() == {'events{source="audit"}': 7, "lag_seconds": 0.5}
    database.close()


def test_a_thread_that_ends_leaves_no_connection_behind(tmp_path: Path) -> None:
    database = Database(tmp_path)
    for _ in range(20):
        thread = threading.Thread(target=database.counters.load)
        thread.start()
        thread.join()
    assert len(database.file._opened) <= 2
    database.close()
