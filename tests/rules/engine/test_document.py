"""Rule files are read within bounds, and know their lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_model.errors import RuleError
from rules.engine.document import MOST_BYTES, parse, read

BOMB = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


def test_each_key_knows_its_line() -> None:
    (document,) = parse("title: x\ndetection:\n  a:\n    - b: 1\n      c|re: 2\n  condition: a\n", "x.yml")
    assert document.line("title") == 1
    assert document.line("detection", "a", 0, "c|re") == 5
    assert document.line("detection", "a", 0, "nothing", "below") == 4
    assert document.line("nothing") == 1
    assert str(document.error("is odd", "detection", "condition")) == "x.yml:6: is odd"


def test_a_file_may_hold_several_documents() -> None:
    assert [each.data for each in parse("a: 1\n---\n\n---\nb: 2\n")] == [{"a": 1}, {"b": 2}]
    assert parse("") == []


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "'a' stands here twice", 3),
        ("a:\n  b: 1\n  b: 2\n", "'b' stands here twice", 3),
        (BOMB, "unfold to more than", 1),
        ("a: &a\n  - *a\n", "an alias stands inside what it names", 1),
        ("a: " + "[" * 60 + "]" * 60, "nested deeper", 1),
        ("a: " + "[" * 200_000, "nested deeper", 1),
        ("- " * 200_000, "nested deeper", 1),
        ("? " * 100_000, "nested deeper", 1),
        ("a: [1, 2\nb: 3\n", "not YAML", 2),
        ("a: 'open\n", "not YAML", 2),
        ("a: *nothing\n", "not YAML", 1),
        ("a: !!python/object/apply:os.system ['id']\n", "not YAML", 1),
        ("a: \0", "not YAML", 0),
        ("date: 2026-02-31\n", "not YAML", 0),
        ("- a\n- b\n", "a rule is a map", 1),
        ("just text\n", "a rule is a map", 1),
        ("? [a, b]\n: 1\n", "a key must be text", 1),
        ("a: 1\n\tb: 2\n", "not YAML", 2),
    ],
)
def test_what_is_no_rule_file_is_refused_with_its_line(text: str, reason: str, line: int) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text, "x.yml")
    assert reason in str(caught.value)
    assert caught.value.line == line


def test_aliases_within_bounds_are_fine() -> None:
    (document,) = parse("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: [*a, *a]\n")
    assert document.data == {"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": [{"x": 1}, {"x": 1}]}


def test_a_file_too_long_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "long.yml"
    path.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(RuleError, match="longer than"):
        read(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.yml"
    path.write_bytes(b"title: x\nlevel: \xff\n")
    with pytest.raises(RuleError, match="not UTF-8") as caught:
        read(path)
    assert caught.value.line == 2


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "mark.yml"
    path.write_bytes(b"\xef\xbb\xbftitle: x\n")
    assert read(path)[0].data == {"title": "x"}


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="can't be read"):
        read(tmp_path / "gone.yml")


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#? \n\t%@0", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        documents = parse(text)
    except RuleError:
        return
    assert all(isinstance(document.data, dict) for document in documents)
