"""Read times as logs write them, and write them as RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from re import compile

NO_TIME = "1970-01-01T00:00:00Z"  # of a record that tells none
SECOND = 1_000_000_000

_RFC3339 = compile(r"([0-9-]{10}[Tt ][0-9:]{8})(\.[0-9]{1,40})?(?:[Zz]|([+-][0-9]{2}:[0-9]{2}))")
_EPOCH = datetime(1970, 1, 1)


def utc(text: str) -> str | None:
    """An RFC 3339 time in UTC, with at most nine digits of a second; None for anything else."""
    if (
        text[-1:] == "Z"
        and 21 < len(text) < 31
        and text[19] == "."
        and text[20:-1].isdecimal()
        and text.isascii()
    ):
        start = text[:19]
        if _seconds(start, "+00:00") == start:
            return text
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    moment, fraction, zone = found.groups()
    seconds = _seconds(moment, zone or "+00:00")
    return f"{seconds}{fraction[:10] if fraction else ''}Z" if seconds else None


@lru_cache(maxsize=4096)  # the lines of a busy log share their second
def _seconds(moment: str, zone: str) -> str | None:
    try:
        return datetime.fromisoformat(moment + zone).astimezone(UTC).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError):
        return None


def from_nanoseconds(since_epoch: int) -> str | None:
    """Nanoseconds since 1970 as a time with nine digits; None beyond the years 1 to 9999."""
    seconds, rest = divmod(since_epoch, SECOND)
    start = _from_seconds(seconds)
    return f"{start}.{rest:09}Z" if start else None


def from_seconds(since_epoch: int) -> str | None:
    """Seconds since 1970 as a time; None beyond the years 1 to 9999."""
    start = _from_seconds(since_epoch)
    return f"{start}Z" if start else None


@lru_cache(maxsize=4096)
def _from_seconds(seconds: int) -> str | None:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return None
