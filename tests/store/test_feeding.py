"""How far a cluster has taken the journal is known for each cluster, namespace and way, and for no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.database import FILE, Database
from store.feeding import BEGINNING, COPIED, Taken
from store.schema import STEPS
from store.sqlite import SqliteFile

PLACE = ("20261123-000", 7)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path)
    yield opened
    opened.close()


def test_a_place_is_of_one_cluster_namespace_and_way(database: Database) -> None:
    taken = Taken(database.file, "https://es:9200", "default")
    taken.answered("one")
    taken.move(PLACE)
    assert Taken(database.file, "https://es:9200", "default").place() == PLACE
    assert Taken(database.file, "https://es:9200", "trial").place() == BEGINNING
    assert Taken(database.file, "https://es:9200", "default", COPIED).place() == BEGINNING
    taken.answered("another")
    assert taken.place() == BEGINNING


def test_the_same_cluster_at_another_address_is_known_once_it_has_answered(database: Database) -> None:
    taken = Taken(database.file, "https://es:9200", "default")
    taken.answered("one")
    taken.move(PLACE)
    moved = Taken(database.file, "https://es:9200, https://es2:9200", "default")
    assert moved.place() == BEGINNING and not moved.is_certain
    moved.answered("one")
    assert moved.place() == PLACE and moved.is_certain


def test_a_run_that_begins_knows_the_place_and_is_not_certain_until_the_cluster_answers(
    database: Database,
) -> None:
    taken = Taken(database.file, "https://es:9200", "default")
    taken.answered("one")
    taken.move(PLACE)
    taken.ask()
    seen = Taken(database.file, "https://es:9200", "default")
    assert (seen.place(), seen.is_certain) == (PLACE, False)


def test_a_copy_that_begins_leaves_the_run_beside_it_certain(database: Database) -> None:
    run = Taken(database.file, "https://es:9200", "default")
    run.answered("one")
    Taken(database.file, "https://es:9200", "default", COPIED).ask()
    assert Taken(database.file, "https://es:9200", "default").is_certain


def test_a_place_of_the_version_before_counts_for_no_cluster_and_others_stay(tmp_path: Path) -> None:
    before = SqliteFile(tmp_path / FILE, STEPS[:3])
    with before.transaction() as connection:
        for name in ("fed", "copied to default at https://es:9200", "inspected"):
            connection.execute("INSERT INTO pointers VALUES (?, ?, ?)", (name, *PLACE))
    before.close()
    database = Database(tmp_path)
    assert [row["name"] for row in database.file.read("SELECT name FROM pointers")] == ["inspected"]
    taken = Taken(database.file, "https://es:9200", "default")
    taken.answered("one")
    assert taken.place() == BEGINNING
    database.close()
