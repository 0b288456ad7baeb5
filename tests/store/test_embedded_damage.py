"""Indexes that are lost or damaged: made anew, in private if need be, and never an error."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from event_model.errors import StoreError
from store.embedded import Embedded
from store.journal import Journal
from store.query import parse
from store.turn import Turn
from tests.store.events import Keeper, append, fill, found, normalize, some

Damage = Callable[[Path], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


def remove(index: Path) -> None:
    shutil.rmtree(index)


def lose_meta(index: Path) -> None:
    (index / "meta.json").unlink()


def garble_meta(index: Path) -> None:
    (index / "meta.json").write_text("{}")


def cut_terms(index: Path) -> None:
    for path in index.glob("*.term"):
        os.truncate(path, 10)


def lose_columns(index: Path) -> None:
    for path in index.glob("*.fast"):
        path.unlink()


def another_version(index: Path) -> None:
    (index / "summary.json").write_text('{"made": "another"}')


def no_summary(index: Path) -> None:
    (index / "summary.json").unlink()


DAMAGES = [remove, lose_meta, garble_meta, cut_terms, lose_columns, another_version, no_summary]


@pytest.mark.parametrize(
    ("damage", "writable"), [*((damage, False) for damage in DAMAGES), (remove, True), (garble_meta, True)]
)
def test_an_index_that_is_lost_or_damaged_is_built_anew_with_a_word(
    root: Path, damage: Damage, writable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    fill(root, 2)
    damage(root / Journal(root).partitions()[0] / "index")
    with Embedded(root, normalize, writable=writable) as store:
        assert found(store) == list(range(20))
    assert "index is built anew" in caplog.messages or damage is remove
    with Embedded(root, normalize) as store:
        caplog.clear()
        assert found(store) == list(range(20))
        assert caplog.messages == []


@pytest.mark.parametrize("damage", [remove, lose_columns, another_version])
def test_an_index_that_is_damaged_under_a_reader_is_mended(root: Path, damage: Damage) -> None:
    fill(root, 2)
    with Embedded(root, normalize) as store:
        assert found(store) == list(range(20))
        index = root / Journal(root).partitions()[0] / "index"
        damage(index)
        if (index / "meta.json").exists():
            os.utime(index / "meta.json")  # as after a commit
        assert found(store) == list(range(20))


def test_damage_that_shows_only_in_a_search_is_mended(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fill(root, 1)
    for path in (root / Journal(root).partitions()[0] / "index").glob("*.idx"):
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.write(b"\xff" * (size // 2))
    with Embedded(root, normalize) as store:
        assert store.count(parse("message:1111111111111111111111111111111111111111")) == 1
    capfd.readouterr()


def test_a_lost_index_is_built_in_private_where_another_collects(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(root)
    keeper.keep(some(0, 20))
    monkeypatch.setattr("store.indexes._LOOK_EVERY", 0.0)
    home = root / keeper.journal.current
    (home / "index").rename(home / "elsewhere")
    (home / "index").mkdir()
    with Embedded(root, normalize) as store:
        assert found(store) == list(range(20))
        append(keeper.journal, some(20, 25))
        assert found(store) == list(range(25))
        (home / "index").rmdir()
        (home / "elsewhere").rename(home / "index")
        assert found(store) == list(range(20))  # what the other has committed, no more
        keeper.keep(some(25, 30))
        assert found(store) == [*range(20), *range(25, 30)]
    keeper.close()


def test_a_private_index_gives_way_to_one_that_can_be_mended(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(root, 2)
    first = root / Journal(root).partitions()[0] / "index"
    shutil.rmtree(first)
    monkeypatch.setattr("store.indexes._LOOK_EVERY", 0.0)
    turn = Turn.to_collect(root)
    with Embedded(root, normalize) as store:
        assert found(store) == list(range(20))
        assert not first.exists()
        turn.end()
        assert found(store) == list(range(20))
        assert first.exists()


def test_an_index_that_can_be_built_nowhere_is_an_error_for_people(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(root, 2)
    shutil.rmtree(root / Journal(root).partitions()[0] / "index")
    store = Embedded(root, normalize)

    def refuse(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("store.building.Index", refuse)
    with pytest.raises(StoreError, match=r"can't be read .* nor built anew .*No space left on device"):
        found(store)
    store.close()
