"""Times as people type them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.times import (
    from_micros,
    micros,
    parse_duration,
    parse_span,
    parse_time,
    rfc3339,
    to_micros,
    window,
)

NOW = datetime(2026, 11, 23, 14, 10, 5, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-23T14:10:05.123456Z"),
        ("1h", "2026-11-23T13:10:05.123456Z"),
        ("90s", "2026-11-23T14:08:35.123456Z"),
        ("7d", "2026-11-16T14:10:05.123456Z"),
        ("2w", "2026-11-09T14:10:05.123456Z"),
        ("1h30m", "2026-11-23T12:40:05.123456Z"),
        ("2 days ago", "2026-11-21T14:10:05.123456Z"),
        ("1M", "2026-10-23T14:10:05.123456Z"),
        ("11:42", "2026-11-23T11:42:00Z"),
        ("23:00", "2026-11-22T23:00:00Z"),
        ("11:42:10", "2026-11-23T11:42:10Z"),
        ("today", "2026-11-23T00:00:00Z"),
        ("Yesterday", "2026-11-22T00:00:00Z"),
        ("now-1d", "2026-11-22T14:10:05.123456Z"),
        ("now-1d/d", "2026-11-22T00:00:00Z"),
        ("now/w", "2026-11-23T00:00:00Z"),
        ("now-1d-2h/h", "2026-11-22T12:00:00Z"),
        ("2024-02-29||+1y/M", "2025-02-01T00:00:00Z"),
        ("2026-01-31||+1M", "2026-02-28T00:00:00Z"),
        ("2026-11-23", "2026-11-23T00:00:00Z"),
        ("2026-11", "2026-11-01T00:00:00Z"),
        ("2026-11-23T14:10:00Z", "2026-11-23T14:10:00Z"),
        ("2026-11-23 14:10", "2026-11-23T14:10:00Z"),
        ("2026-11-23T14:10:00.5+02:00", "2026-11-23T12:10:00.500000Z"),
        ("2026-11-23t14:10z", "2026-11-23T14:10:00Z"),
        ("1795442400", "2026-11-23T14:00:00Z"),
        ("1795442400.5", "2026-11-23T14:00:00.500000Z"),
        ("1795442400123", "2026-11-23T14:00:00.123000Z"),
        ("1795442400123456789", "2026-11-23T14:00:00.123456Z"),
    ],
)
def test_a_time_is_understood_as_people_write_it(text: str, expected: str) -> None:
    assert rfc3339(to_micros(parse_time(text, NOW))) == expected


@pytest.mark.parametrize(
    "text",
    ["", "x", "25:00", "now-", "now-1x", "2026-13-01", "2026-02-31", "99999999999d", "1h of", "20261", "±1h"],
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time; write 1h, .*yesterday"):
        parse_time(text, NOW)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2026-11-23", timedelta(days=1)),
        ("2026-02", timedelta(days=28)),
        ("now/h", timedelta(hours=1)),
        ("11:42", timedelta(minutes=1)),
        ("2026-11-23T14:10:00Z", timedelta(seconds=1)),
        ("2026-11-23T14:10:00.12Z", timedelta(milliseconds=10)),
        ("9999-12-31", timedelta(days=1, microseconds=-1)),
        ("1h", timedelta(microseconds=1)),
    ],
)
def test_a_time_is_as_long_as_it_is_coarse(text: str, length: timedelta) -> None:
    start, end = parse_span(text, NOW)
    assert end - start == length


def test_a_day_and_a_clock_are_in_the_zone_of_now() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=-10)))  # four in the morning
    assert rfc3339(to_micros(parse_time("today", there))) == "2026-11-23T10:00:00Z"
    assert rfc3339(to_micros(parse_time("03:30", there))) == "2026-11-23T13:30:00Z"
    assert rfc3339(to_micros(parse_time("2026-11-23T03:30", there))) == "2026-11-23T13:30:00Z"


def test_a_window_lies_around_before_or_after_a_moment() -> None:
    quarter = timedelta(minutes=15)
    for text in ("±15m", "15m", "+-15m", "+/-15m"):
        assert window(text, NOW) == (NOW - quarter, NOW + quarter)
    assert window("-15m", NOW) == (NOW - quarter, NOW)
    assert window("+15m", NOW) == (NOW, NOW + quarter)
    for text in ("15x", "±", "99999999w", "1M"):
        with pytest.raises(ValueError, match=r"is no length of time|beyond the years"):
            window(text, NOW)


def test_lengths_add_up() -> None:
    assert parse_duration("1h30m") == timedelta(minutes=90)
    assert parse_duration("2 days 500ms") == timedelta(days=2, milliseconds=500)
    assert parse_duration("1.5h") == timedelta(minutes=90)


def test_a_leap_second_counts_as_the_second_before_it() -> None:
    assert micros("2016-12-31T23:59:60Z") == micros("2016-12-31T23:59:59Z")
    assert micros("2016-12-31T23:59:60.5Z") == micros("2016-12-31T23:59:59.5Z")


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_survive_being_written_and_read(moment: datetime) -> None:
    assert micros(rfc3339(to_micros(moment))) == to_micros(moment)
    assert from_micros(to_micros(moment)) == moment


@given(st.lists(st.tuples(st.sampled_from(["27", "28"]), st.from_regex(r"[0-9]{0,9}", fullmatch=True))))
def test_a_time_means_the_same_whatever_was_read_before(times: list[tuple[str, str]]) -> None:
    for second, digits in times:
        whole = f"2026-11-23T14:10:{second}"
        text = f"{whole}.{digits}" if digits else whole
        expected = to_micros(datetime.fromisoformat(whole)) + int((digits + "000000")[:6])
        assert micros(text + "Z") == expected
        assert micros(text + "+01:00") == expected - 3_600_000_000
