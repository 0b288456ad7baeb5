"""Delete the oldest days, by age and by size, and never the one being written."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from event_model.errors import ConfigError
from store.journal import Journal

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([hdwy])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?")
_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0, "y": 365.0}
_FOREVER = ("forever", "none", "off", "never", "")
_LONGEST = 365_000.0  # days


def age(text: str | None) -> timedelta | None:
    """`12h`, `90d`, `2w`, `1y`; None for `forever`. Raises ConfigError."""
    written = (text or "").strip().lower()
    if written in _FOREVER:
        return None
    found = _AGE.fullmatch(written)
    if found is None or not (days := float(found[1]) * _DAYS[found[2]]) or days > _LONGEST:
        raise ConfigError(f"store.retention: {text!r} is no age; write 12h, 90d, 2w, 1y or forever")
    return timedelta(days=days)


def size(text: str | None) -> int | None:
    """`500MB`, `50GB`, `1.5TiB` in bytes; None where there is no bound. Raises ConfigError."""
    written = (text or "").strip().lower()
    if written in _FOREVER:
        return None
    found = _SIZE.fullmatch(written)
    if found is None or not float(found[1]):
        raise ConfigError(f"store.max_size: {text!r} is no size; write 500MB, 50GB, 1TB, 20GiB or none")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2] or " "))


def apply(
    journal: Journal,
    now: datetime,
    *,
    age: timedelta | None,
    size: int | None,
    dry_run: bool = False,
    may: Callable[[str], bool] = lambda name: True,
) -> list[str]:
    """Drop the partitions past `age`, then the oldest past `size` bytes in all; the names of those.

    `may` tells whether a partition may go at all.
    """
    names = [name for name in journal.partitions() if name < journal.current and may(name)]
    gone = [name for name in names if age is not None and _ended(name) <= now - age]
    left = journal.size() - sum(journal.size(name) for name in gone)
    for name in names:
        if size is None or left <= size:
            break
        if name not in gone:
            gone.append(name)
            left -= journal.size(name)
    for name in gone:
        if not dry_run:
            journal.drop(name)
    return gone


def _ended(partition: str) -> datetime:
    """The end of the partition's day; the end of time for a name that is no day."""
    try:
        return datetime.strptime(partition[:8], "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        return datetime.max.replace(tzinfo=UTC)
