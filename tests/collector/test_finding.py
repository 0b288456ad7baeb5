"""Paths and globs lead to files, and to what rotation left beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collector.finding import Search, base_of, find


def names(search: Search) -> list[str]:
    return sorted(os.path.basename(found.path) for found in search.files.values())


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(name)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("audit.log", "audit.log"),
        ("audit.log.1", "audit.log"),
        ("audit.log.2.gz", "audit.log"),
        ("audit.log.gz", "audit.log"),
        ("audit.log-20261123", "audit.log"),
        ("audit.log-20261123-1795459396.gz", "audit.log"),
        ("audit-2026-11-23T18-05-01.123.log", "audit.log"),
        ("audit-2026-11-23T18-05-01.123.log.gz", "audit.log"),
        ("0.log", "0.log"),
        ("0.log.20261123-180501", "0.log"),
        ("0.log.20261123-180501.gz", "0.log"),
        ("abc-json.log.1", "abc-json.log"),
        ("app-1.log", "app-1.log"),
        ("app-1.2.3.log", "app-1.2.3.log"),
    ],
)
def test_the_name_before_rotation(name: str, base: str) -> None:
    assert base_of(name) == base


def test_a_path_brings_what_was_rotated_and_nothing_else(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "audit.log",
        "audit.log.1",
        "audit.log.2.gz",
        "audit-2026-11-23T18-05-01.123.log",
        "audit.log.bak",
        "other.log",
    )
    search = find([str(tmp_path / "audit.log")])
    assert names(search) == [
        "audit-2026-11-23T18-05-01.123.log",
        "audit.log",
        "audit.log.1",
        "audit.log.2.gz",
    ]
    assert {found.rotated for found in search.files.values() if found.path.endswith("audit.log")} == {False}
    assert names(find([str(tmp_path / "audit.log")], rotated=False)) == ["audit.log"]


def test_what_was_rotated_is_found_while_the_new_file_is_missing(tmp_path: Path) -> None:
    touch(tmp_path, "audit.log.1")
    (found,) = find([str(tmp_path / "audit.log")]).files.values()
    assert (found.aside, found.rotated) == (True, False)


def test_globs_lead_through_folders_and_leave_hidden_files_alone(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x", "0.log", ".0.log")
    touch(tmp_path / "b" / "y", "1.log")
    assert names(find([str(tmp_path / "*" / "*" / "*.log")])) == ["0.log", "1.log"]
    assert names(find([str(tmp_path / "**" / "*.log")])) == ["0.log", "1.log"]


def test_a_path_with_brackets_is_taken_as_it_is_written(tmp_path: Path) -> None:
    touch(tmp_path, "app[1].log", "app1.log")
    assert names(find([str(tmp_path / "app[1].log")])) == ["app[1].log"]


def test_two_links_to_one_file_are_one_file_under_its_first_name(tmp_path: Path) -> None:
    touch(tmp_path / "pods", "0.log")
    (tmp_path / "a.log").symlink_to(tmp_path / "pods" / "0.log")
    (tmp_path / "b.log").symlink_to(tmp_path / "a.log")
    (found,) = find([str(tmp_path / "*.log")]).files.values()
    assert found.named == str(tmp_path / "a.log")


def test_what_is_beside_the_target_of_a_link_goes_by_the_name_of_the_link(tmp_path: Path) -> None:
    touch(tmp_path / "pods", "0.log", "0.log.20261123-180501", "0.log.20261123-170501.gz", "1.log")
    (tmp_path / "web.log").symlink_to(tmp_path / "pods" / "0.log")
    search = find([str(tmp_path / "*.log")])
    assert names(search) == ["0.log.20261123-170501.gz", "0.log.20261123-180501", "web.log"]
    assert {found.named for found in search.files.values()} == {str(tmp_path / "web.log")}
    assert len({found.base for found in search.files.values()}) == 1


def test_numbers_tell_which_rotated_file_is_older(tmp_path: Path) -> None:
    touch(tmp_path, "x.log.10", "x.log.9.gz", "x.log", "x.log.1")
    found = find([str(tmp_path / "x.log")]).files.values()
    ages = [os.path.basename(each.path) for each in sorted(found, key=lambda each: each.age)]
    assert ages == ["x.log.10", "x.log.9.gz", "x.log.1", "x.log"]


def test_folders_and_pipes_are_named_as_troubles(tmp_path: Path) -> None:
    touch(tmp_path / "folder.log")
    os.mkfifo(tmp_path / "pipe.log")
    search = find([str(tmp_path / "*.log"), str(tmp_path / "missing" / "*.log")])
    assert not search.files
    assert search.troubles[str(tmp_path / "pipe.log")] == "is no regular file"
    assert "name files" in search.troubles[str(tmp_path / "folder.log")]
