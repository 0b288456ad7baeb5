"""Rules are read again when their files change, and a broken edit takes nothing away."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rules.engine import Engine, Pack
from rules.engine import watch as module
from rules.engine.watch import Library, Watch, watch
from tests.rules.engine.conftest import MakeEvent
from tests.rules.engine.test_pack import ONE, TWO, write


def names(pack: Pack) -> list[str]:
    return [rule.info.name for rule in pack.rules]


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    write(tmp_path / "a.yml", "A", ONE)
    write(tmp_path / "b.yml", "B", TWO)
    library = Library([tmp_path])
    first = library.load()
    write(tmp_path / "b.yml", "Better", TWO)
    second = library.load()
    assert names(second) == ["A", "Better"]
    assert second.rules[0] is first.rules[0]


def test_a_broken_edit_keeps_the_last_good_version_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    write(path, "Good")
    library = Library([tmp_path])
    library.load()
    path.write_text("title: Broken\ndetection: [\n")
    broken = library.load()
    assert names(broken) == ["Good"]
    (error,) = broken.errors
    assert error.message.endswith("(kept the last good version)")
    assert Path(error.path) == path
    write(path, "Mended again")
    mended = library.load()
    assert (names(mended), mended.errors) == (["Mended again"], [])


def test_a_rule_that_was_never_good_is_only_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("title: Broken\n")
    pack = Library([tmp_path]).load()
    assert pack.rules == []
    assert not any("kept" in error.message for error in pack.errors)


def test_a_rule_whose_file_is_gone_is_gone(tmp_path: Path) -> None:
    write(tmp_path / "a.yml")
    library = Library([tmp_path])
    library.load()
    (tmp_path / "a.yml").unlink()
    assert library.load() == Pack()
    (tmp_path / "a.yml").write_text("title: [")
    assert library.load().rules == [], "what was deleted does not come back"


class Told:
    """Keeps what a watch tells, and waits for it."""

    def __init__(self) -> None:
        self.packs: list[Pack] = []
        self._more = threading.Condition()

    def __call__(self, pack: Pack) -> None:
        with self._more:
            self.packs.append(pack)
            self._more.notify_all()

    def until(self, true: Callable[[Pack], bool]) -> Pack:
        with self._more:
            assert self._more.wait_for(lambda: bool(self.packs) and true(self.packs[-1]), timeout=60)
            return self.packs[-1]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    told = Told()
    write(tmp_path / "a.yml", "First", ONE)
    watching: Watch = watch([tmp_path], told)
    yield told
    watching.stop()


def test_a_change_is_told(told: Told, tmp_path: Path) -> None:
    assert names(told.packs[0]) == ["First"]
    write(tmp_path / "a.yml", "Changed", ONE)
    told.until(lambda pack: names(pack) == ["Changed"])
    write(tmp_path / "deeper" / "b.yml", "New", TWO)
    told.until(lambda pack: names(pack) == ["Changed", "New"])
    (tmp_path / "a.yml").unlink()
    told.until(lambda pack: names(pack) == ["New"])


def test_a_broken_edit_is_told_and_mended(told: Told, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("title: [\n")
    broken = told.until(lambda pack: bool(pack.errors))
    assert names(broken) == ["First"]
    write(tmp_path / "a.yml", "Mended", ONE)
    told.until(lambda pack: names(pack) == ["Mended"] and not pack.errors)


def test_an_editor_that_replaces_the_file_is_seen(told: Told, tmp_path: Path) -> None:
    write(tmp_path / ".a.yml.tmp", "Replaced", ONE)
    os.replace(tmp_path / ".a.yml.tmp", tmp_path / "a.yml")
    told.until(lambda pack: names(pack) == ["Replaced"])


def test_a_change_between_the_reading_and_the_watching_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = module._observer

    def late(folders: Iterable[Path], changed: threading.Event) -> Any:
        write(tmp_path / "a.yml", "Changed", ONE)
        return observer(folders, changed)

    monkeypatch.setattr(module, "_observer", late)
    write(tmp_path / "a.yml", "First", ONE)
    told = Told()
    watching = watch([tmp_path], told)
    try:
        told.until(lambda pack: names(pack) == ["Changed"])
        assert [names(pack) for pack in told.packs] == [["First"], ["Changed"]]
    finally:
        watching.stop()


def test_an_engine_follows_a_watch(tmp_path: Path, audit: MakeEvent) -> None:
    write(tmp_path / "a.yml", "First", ONE)
    engine, told = Engine([]), Told()

    def use(pack: Pack) -> None:
        engine.replace(pack.rules)
        told(pack)

    watching = watch([tmp_path], use)
    try:
        assert [match.rule.name for match in engine.inspect([audit(verb="get")])] == ["First"]
        write(tmp_path / "a.yml", "Second", ONE)
        told.until(lambda pack: names(pack) == ["Second"])
        assert [match.rule.name for match in engine.inspect([audit(verb="get")])] == ["Second"]
    finally:
        watching.stop()


def test_rules_stay_while_their_folder_is_away(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    write(folder / "a.yml", "First", ONE)
    told = Told()
    watching = watch([folder], told)
    try:
        folder.rename(tmp_path / "away")
        watching._changed.set()
        assert names(told.packs[-1]) == ["First"]
        (tmp_path / "away").rename(folder)
        write(folder / "a.yml", "Back", ONE)
        watching._changed.set()
        told.until(lambda pack: names(pack) == ["Back"])
    finally:
        watching.stop()
