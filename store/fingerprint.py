"""Tell whether two stores hold the same events, whatever the order in which they are read."""

from __future__ import annotations

from array import array
from hashlib import sha256
from typing import NamedTuple

from store.times import micros, rfc3339

_MASK = (1 << 64) - 1
_DAY = 86_400_000_000  # microseconds


class Day(NamedTuple):
    """Of the events of one day (UTC), each counted once."""

    number: int
    hash: int  # sum over all of them, of 64 bits each


class Fingerprint:
    """Takes in events one by one, 8 bytes of memory each."""

    def __init__(self) -> None:
        self._days: dict[int, array[int]] = {}

    def add(self, time: int, id: str, hash: str) -> None:
        """One event: microseconds since 1970, its id, and the hash of its record (hex digits)."""
        self._days.setdefault(time // _DAY, array("Q")).append(value(id, hash))

    def of(self, day: str) -> set[int]:
        """The `value` of each event of a day such as `2026-11-23`."""
        return set(self._days.get(span(day)[0] // _DAY, ()))

    def beyond(self, other: Fingerprint) -> dict[str, int]:
        """By day, how many events it has that the other has not; days without any are left out."""
        return {day: more for day in self.days() if (more := len(self.of(day) - other.of(day)))}

    def days(self) -> dict[str, Day]:
        """By day, such as `2026-11-23`; an event that was read twice counts once."""
        found = {}
        for day in sorted(self._days):
            values = set(self._days[day])
            found[rfc3339(day * _DAY)[:10]] = Day(len(values), sum(values) & _MASK)
        return found


def span(day: str) -> tuple[int, int]:
    """The first microsecond of a day such as `2026-11-23`, and that of the next."""
    start = micros(f"{day}T00:00:00Z")
    return start, start + _DAY


def value(id: str, hash: str) -> int:
    """64 bits that stand for an event: its id and the hash of its record, in hex digits."""
    return int.from_bytes(sha256(f"{id} {hash}".encode()).digest()[:8])


def differences(one: dict[str, Day], other: dict[str, Day]) -> list[tuple[str, int, int]]:
    """The days on which two stores differ, with the number of events in each; the same number may be of other events."""
    nothing = Day(0, 0)
    return [
        (day, one.get(day, nothing).number, other.get(day, nothing).number)
        for day in sorted({*one, *other})
        if one.get(day) != other.get(day)
    ]
