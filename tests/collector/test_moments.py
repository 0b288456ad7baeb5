"""Times of any zone become UTC with at most nine digits; what is no time is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.moments import from_nanoseconds, from_seconds, utc


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-10-06T00:17:09.669794202Z", "2016-10-06T00:17:09.669794202Z"),
        ("2024-04-16T06:21:39.0Z", "2024-04-16T06:21:39.0Z"),
        ("2024-04-16T06:21:39Z", "2024-04-16T06:21:39Z"),
        ("2024-04-16 06:21:39z", "2024-04-16T06:21:39Z"),
        ("2017-01-05T00:35:41.241772953+08:00", "2017-01-04T16:35:41.241772953Z"),
        ("2016-10-06T00:17:09.66979420212345Z", "2016-10-06T00:17:09.669794202Z"),
        ("2024-13-01T00:00:00Z", None),
        ("2024-02-30T00:00:00.5Z", None),
        ("2024-02-01T00:00:60Z", None),
        ("2024-02-01T00:00:00", None),
        ("0001-01-01T00:00:00+02:00", None),
        ("\u0662016-10-06T00:17:09.5Z", None),
        ("2016-10-06T00:17:09.\u0665Z", None),
        ("", None),
    ],
)
def test_rfc_3339_becomes_utc(text: str, expected: str | None) -> None:
    assert utc(text) == expected


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_none(text: str) -> None:
    utc(text)


def test_nanoseconds_keep_every_digit() -> None:
    assert from_nanoseconds(1795459396367756781) == "2026-11-23T18:43:16.367756781Z"
    assert from_nanoseconds(-1) == "1969-12-31T23:59:59.999999999Z"
    assert from_seconds(5) == "1970-01-01T00:00:05Z"


def test_times_beyond_the_calendar_are_none() -> None:
    assert from_nanoseconds(10**30) is None
    assert from_seconds(-(10**18)) is None
