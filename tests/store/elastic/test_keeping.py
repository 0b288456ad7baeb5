"""What a run leaves as it is of how long the cluster keeps something, and what it puts right."""

from __future__ import annotations

from typing import Any

import pytest

from store.elastic.change import Change
from store.elastic.keeping import POLICY, STREAM, TEMPLATE, Kept, spare

WEEK, YEAR = {"data_retention": "7d"}, {"data_retention": "365d"}


def template(**parts: Any) -> dict[str, Any]:
    return {"priority": 150, "template": parts}


def delete(age: str) -> dict[str, Any]:
    return {"policy": {"phases": {"delete": {"min_age": age}}}}


@pytest.mark.parametrize(
    ("kind", "before", "after", "there"),
    [
        (STREAM, YEAR, WEEK, "365d"),
        (STREAM, {"enabled": True}, WEEK, "forever"),
        (TEMPLATE, template(lifecycle=YEAR), template(lifecycle=WEEK), "365d"),
        (POLICY, delete("365d"), delete("7d"), "365d"),
        (POLICY, {"policy": {"phases": {"hot": {}}}}, delete("7d"), "forever"),
    ],
)
def test_a_retention_that_is_there_stays(kind: str, before: Any, after: Any, there: str) -> None:
    left, kept = spare([Change(kind, "it", "/it", after, before)])
    assert kept == [Kept("it", there, "7d")]
    assert not left or kind == POLICY


def test_what_is_wrong_otherwise_is_put_right_and_the_retention_stays() -> None:
    before = {"priority": 1, "template": {"lifecycle": YEAR}}
    (change,), _ = spare([Change(TEMPLATE, "it", "/it", template(lifecycle=WEEK), before)])
    assert change.after == template(lifecycle=YEAR)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (TEMPLATE, template(settings={"index.lifecycle.name": "a policy"}), template(lifecycle=WEEK)),
        (STREAM, {}, WEEK),
        (STREAM, None, WEEK),
    ],
)
def test_what_has_no_retention_of_its_own_is_given_the_one_that_is_wanted(
    kind: str, before: Any, after: Any
) -> None:
    change = Change(kind, "it", "/it", after, before)
    assert spare([change]) == ([change], [])
