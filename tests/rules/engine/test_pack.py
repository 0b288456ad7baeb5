"""Folders of rules load, whatever else stands in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_model.errors import RuleError
from rules.engine import SHIPPED, load

GOOD = """
title: {title}
id: {id}
logsource: {{product: kubernetes, service: audit}}
detection:
  selection: {{verb: get}}
  condition: selection
"""
ONE, TWO = "8c7b2f0e-3f62-4f57-9b16-0f2a5a6f1c01", "8c7b2f0e-3f62-4f57-9b16-0f2a5a6f1c02"


def write(path: Path, title: str = "A rule", id: str = ONE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(GOOD.format(title=title, id=id))


def test_folders_are_read_to_their_bottom_in_order(tmp_path: Path) -> None:
    write(tmp_path / "b" / "second.yml", id=TWO)
    write(tmp_path / "a.yaml", id=ONE)
    (tmp_path / "README.md").write_text("not a rule")
    pack = load([tmp_path])
    assert [rule.info.rule_id for rule in pack.rules] == ["a", "second"]
    assert pack.errors == []


def test_a_broken_rule_does_not_stop_the_rest(tmp_path: Path) -> None:
    write(tmp_path / "good.yml")
    (tmp_path / "bad.yml").write_text("title: [")
    (tmp_path / "worse.yml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.yml").write_text("")
    (tmp_path / "list.yml").write_text("- a\n")
    pack = load([tmp_path])
    assert [rule.info.rule_id for rule in pack.rules] == ["good"]
    assert sorted(Path(error.path).name for error in pack.errors) == ["bad.yml", "list.yml", "worse.yml"]


def test_the_same_id_twice_is_a_mistake_of_the_second(tmp_path: Path) -> None:
    write(tmp_path / "a.yml", "First")
    write(tmp_path / "b.yml", "Second")
    pack = load([tmp_path])
    assert [rule.info.name for rule in pack.rules] == ["First"]
    (error,) = pack.errors
    assert "has the same id as" in error.message
    assert (Path(error.path).name, error.line) == ("b.yml", 3)


def test_a_file_named_twice_is_one(tmp_path: Path) -> None:
    write(tmp_path / "a.yml")
    assert len(load([tmp_path / "a.yml", tmp_path, tmp_path]).rules) == 1


def test_several_rules_in_one_file_have_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text(GOOD.format(title="One", id=ONE) + "---\n" + GOOD.format(title="Two", id=TWO))
    assert [rule.info.rule_id for rule in load([path]).rules] == ["a", "a_2"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="there is no such folder"):
        load([tmp_path / "nothing"])


def test_the_shipped_folder_holds_rules() -> None:
    assert (SHIPPED / "kubernetes").is_dir()
