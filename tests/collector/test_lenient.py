"""What can be known of a broken record is known, and the rest is named."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw, Struct

from collector import lenient
from collector.lenient import elements, read
from event_model.errors import Unreadable

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Inner(Struct, frozen=True):
    name: str = ""
    count: int | None = None
    flag: bool = False


class Outer(Struct, frozen=True):
    text: str = ""
    inner: Inner | None = None
    words: list[str] = []
    notes: dict[str, str] = {}
    items: list[Inner] = []
    body: Raw = Raw(b"")


def known(value: Any) -> tuple[Outer, tuple[str, ...]]:
    return read(json.dumps(value).encode(), Outer)


@pytest.mark.parametrize(
    ("value", "field", "made", "bad"),
    [
        ({"text": 5}, "text", "5", ("text",)),
        ({"text": True}, "text", "true", ("text",)),
        ({"text": ["x"]}, "text", "", ("text",)),
        ({"text": None}, "text", "", ()),
        ({"inner": []}, "inner", None, ("inner",)),
        ({"inner": {"name": 7, "count": "12"}}, "inner", Inner("7", 12), ("inner.name", "inner.count")),
        (
            {"inner": {"count": 1.0, "flag": "true"}},
            "inner",
            Inner("", 1, True),
            ("inner.count", "inner.flag"),
        ),
        ({"inner": {"count": 10**30}}, "inner", Inner(), ("inner.count",)),
        ({"words": "a"}, "words", ["a"], ("words",)),
        ({"words": ["a", 1, None, []]}, "words", ["a", "1"], ("words",)),
        ({"notes": {"a": 1, "b": "c"}}, "notes", {"a": "1", "b": "c"}, ("notes",)),
        ({"notes": []}, "notes", {}, ("notes",)),
        (
            {"items": [{"name": "a"}, 3, {"name": 4}]},
            "items",
            [Inner("a"), Inner("4")],
            ("items", "items.name"),
        ),
    ],
)
def test_each_part_is_taken_as_far_as_it_goes(
    value: Any, field: str, made: Any, bad: tuple[str, ...]
) -> None:
    found, malformed = known(value)
    assert getattr(found, field) == made
    assert malformed == bad


def test_broken_text_is_mended() -> None:
    assert read(b'{"text":"a\xff\x01b"}', Outer) == (Outer("a\ufffd b"), ("encoding",))
    assert read(b'{"text":"\\ud800 \\ud83d\\ude00 \\\\ud800"}', Outer) == (
        Outer("\ufffd 😀 \\ud800"),
        ("encoding",),
    )
    assert read(b'\xef\xbb\xbf{"text":"a"}', Outer) == (Outer("a"), ())


def test_the_last_of_two_equal_names_counts() -> None:
    assert read(b'{"text":1,"text":"b","inner":{"name":"x","name":"y"}}', Outer)[0] == Outer("b", Inner("y"))


@pytest.mark.parametrize("depth", [200, 5_000, 100_000])
def test_a_body_nested_beyond_measure_does_not_hide_the_rest(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    found, bad = read(b'{"text":"a,}","body":{"x":' + deep + b'},"inner":{"name":"b"}}', Outer)
    assert (found.text, found.inner) == ("a,}", Inner("b"))
    assert bad == (() if depth == 200 else ("body",))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "an empty record"),
        (b"  ", "an empty record"),
        (b"[1]", "no JSON object"),
        (b"null", "no JSON object"),
        (b"hello", "no JSON"),
        (b'{"text":"a', "cut off"),
        (b'{"text":' + b"[" * 5_000, "cut off"),
        (b"[" * 5_000, "no JSON object"),
        (b'{"text":"a"} x', "no JSON"),
    ],
)
def test_what_is_no_object_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(raw, Outer)


def test_items_of_a_list_are_found_however_deep_one_of_them_is() -> None:
    deep = b"[" * 5_000 + b"]" * 5_000
    text = b'{"kind":"x}","items":[{"a":' + deep + b'}, 1 ,"],"], "after":{}}'
    assert elements(text, "items") == [b'{"a":' + deep + b"}", b"1", b'"],"']
    assert elements(b"[]", "items") == []
    assert elements(b'{"other":[]}', "items") is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["text", "inner", "name", "words", "x"]), inner)
    ),
)


@FEW
@given(st.dictionaries(st.sampled_from([*Outer.__struct_fields__, "other"]), _JSON))
def test_any_object_can_be_read(value: dict[str, Any]) -> None:
    known(value)


@FEW
@given(st.binary())
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        read(raw, Outer)
    except Unreadable as error:
        assert str(error)


@FEW
@given(st.lists(_JSON))
def test_items_are_the_same_with_and_without_recursion(value: list[Any]) -> None:
    text = json.dumps(value).encode()
    found = elements(text, "")
    assert found is not None
    assert json.dumps([json.loads(item) for item in found]) == json.dumps(value)


def test_at_most_so_many_parts_are_named() -> None:
    words = {f"n{number}": number for number in range(100)}
    assert len(read(json.dumps({"notes": words}).encode(), Outer)[1]) <= lenient.MOST_NAMED
