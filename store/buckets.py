"""Choose the steps of a histogram over time, so that people can read them: a second, 5 minutes, a day."""

from __future__ import annotations

from typing import NamedTuple

_MILLI, _SECOND = 1_000, 1_000_000
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86400 * _SECOND
_STEPS = [
    *(each * _MILLI for each in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(each * _SECOND for each in (1, 2, 5, 10, 15, 30)),
    *(each * _MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * _HOUR for each in (1, 2, 3, 6, 12)),
    *(each * _DAY for each in (1, 2, 7, 14, 30, 90, 365)),
]


class Buckets(NamedTuple):
    """`number` steps of `width` microseconds from `start` (since 1970) on."""

    start: int
    width: int
    number: int

    def starts(self) -> list[int]:
        return [self.start + place * self.width for place in range(self.number)]


def choose(first: int, last: int, most: int) -> Buckets:
    """At most `most` steps, as narrow as possible, that hold all of `first` to `last`."""
    for width in _STEPS:
        number = last // width - first // width + 1
        if number <= most:
            return Buckets(first // width * width, width, number)
    start = first // _DAY * _DAY  # for so few steps there is no width that all of it would be aligned with
    days = -(-(last + 1 - start) // (most * _DAY))
    return Buckets(start, days * _DAY, -(-(last + 1 - start) // (days * _DAY)))
