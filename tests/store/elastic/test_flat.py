"""Any JSON value is made to fit a flattened field, and it is told where that was not possible."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from store.elastic.flat import fit


def nested(levels: int, inside: Any = "x") -> Any:
    for _ in range(levels):
        inside = {"a": inside}
    return inside


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1},
        {"a": {"b": [1, {"c": None}]}},
        [{"a": 1}, {"b": 2}],
        nested(20),
        {"": "x", ".": 1, "a.b": {"": 2}},
    ],
)
def test_what_fits_stays_as_it_is(value: Any) -> None:
    assert fit(value) == (value, True)
    assert fit(Raw(json.dumps(value).encode())) == (value, True)


@pytest.mark.parametrize("value", [3, "text", True, [1, 2], [{"a": 1}, 2]])
def test_what_is_no_object_stands_below_an_empty_name(value: Any) -> None:
    assert fit(value) == ({"": value}, True)


@pytest.mark.parametrize("value", [Raw(b""), None, Raw(b"null")])
def test_nothing_is_nothing(value: Any) -> None:
    assert fit(value) == (None, True)


def test_what_is_too_deep_stands_there_as_text() -> None:
    made, complete = fit(nested(23))
    assert made == nested(20, '{"a":{"a":{"a":"x"}}}') and not complete


def test_lists_may_be_deeper_than_objects_but_not_without_end() -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    assert fit({"a": deep}) == ({"a": deep}, True)
    made, complete = fit(Raw(b'{"a":' + b"[" * 500 + b"]" * 500 + b"}"))
    assert not complete and len(json.dumps(made)) > 500


def test_a_nul_in_a_name_is_replaced_and_too_long_a_name_left_out() -> None:
    assert fit({"a\0b": 1}) == ({"a\ufffdb": 1}, False)
    assert fit({"n" * 30_000: 1, "b": 2}) == ({"b": 2}, False)
    assert fit({"n" * 15_000: {"m" * 15_000: 1}, "b": 2}) == ({"n" * 15_000: {}, "b": 2}, False)


def test_a_text_that_is_not_searched_whole_is_told_of() -> None:
    assert fit({"a": "x" * 1024})[1] and not fit({"a": "x" * 1025})[1]
    assert fit({"a": "\U0001f600" * 512})[1] and not fit({"a": "\U0001f600" * 513})[1]
    assert fit({"a": "x" * 10_000}) == ({"a": "x" * 8191}, False)


def test_what_readers_of_json_disagree_about_is_kept_as_text() -> None:
    made, complete = fit(Raw(b'{"a": "\\ud800"}'))
    assert made and not complete
