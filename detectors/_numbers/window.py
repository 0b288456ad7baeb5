"""What one entity did in one window, as numbers: counts, shares, and sketches of durations and bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import exp, floor, log
from math import nan as NAN
from typing import NamedTuple

from msgspec import Struct

from detectors._watch.example import Example, example
from detectors._watch.example import event as event_of
from event_model.event import Event

KINDS = 8  # classes of acts that are counted apart; all others together
MOST_WAYS = 1000  # different acts that are told apart in one window
LEAST, MOST = 1e-6, 1e15  # numbers between which a sketch tells sizes apart; beyond MOST nothing is believed
GRAIN = 10  # steps of a sketch to a factor of e: within 5 %
_LOWEST = floor(log(LEAST) * GRAIN) - 1

Read = Callable[[Event], float | None]


class Column(NamedTuple):
    """One number of a window. `scale`: a share is compared as it is, all others by their logarithms."""

    name: str  # as people read it: `p95 of duration`
    scale: str  # count, share, mean or p95
    unit: str  # seconds, bytes, share, or nothing


class Sketch:
    """How numbers are spread: count, total, and a histogram in steps of 10 % (as DDSketch, Masson et al. 2019)."""

    __slots__ = ("buckets", "count", "total")

    def __init__(self, count: int = 0, total: float = 0.0, buckets: dict[int, int] | None = None) -> None:
        self.count, self.total, self.buckets = count, total, buckets or {}

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        place = floor(log(value) * GRAIN) if value > LEAST else _LOWEST
        buckets = self.buckets
        buckets[place] = buckets.get(place, 0) + 1

    def quantile(self, share: float) -> float:
        """The value that `share` of all are not above; 0 for an empty sketch."""
        left = share * self.count
        for place in sorted(self.buckets):
            left -= self.buckets[place]
            if left <= 0:
                return exp((place + 0.5) / GRAIN) if place > _LOWEST else 0.0
        return 0.0


class Share(Sketch):
    """Of ones and zeros: their mean is all there is to know."""

    __slots__ = ()

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value


class Dumped(Struct, array_like=True):
    """A Window as plain data."""

    count: int
    failed: int
    kinds: list[int]
    ways: list[int]
    sketches: list[tuple[int, float, dict[int, int]]]
    examples: list[Example | None]  # the last, a failure, the largest
    most: float


class Window:
    """What one entity has done so far in this window. The events are examples, for the alert."""

    __slots__ = ("count", "failed", "failure", "kinds", "largest", "last", "most", "sketches", "ways")

    def __init__(self, names: list[str]) -> None:
        self.count = self.failed = 0
        self.kinds = [0] * (KINDS + 1)
        self.ways: set[int] = set()
        self.sketches = [Share() if name.endswith("share") else Sketch() for name in names]
        self.last: Event | None = None
        self.failure: Event | None = None
        self.largest: Event | None = None  # by the first number
        self.most = -1.0

    def add(self, event: Event, way: int, kind: int, failed: bool, reads: list[Read]) -> int:
        """Count one event in. How many of its numbers could not be believed."""
        self.count += 1
        self.kinds[kind] += 1
        if len(self.ways) < MOST_WAYS:
            self.ways.add(way)
        self.last = event
        if failed:
            self.failed += 1
            self.failure = event
        odd = 0
        for sketch, read in zip(self.sketches, reads, strict=True):
            value = read(event)
            if value is None:
                continue
            if 0 <= value <= MOST:  # False for what is no number
                sketch.add(value)
                if value > self.most and sketch is self.sketches[0]:
                    self.most, self.largest = value, event
            else:
                odd += 1
        return odd

    @property
    def example(self) -> Event | None:
        """The event that tells most of the window."""
        return self.failure or self.largest or self.last

    def dump(self) -> Dumped:
        sketches = [(each.count, each.total, each.buckets) for each in self.sketches]
        events = (self.last, self.failure, self.largest)
        examples = [None if each is None else example(each) for each in events]
        return Dumped(self.count, self.failed, self.kinds, sorted(self.ways), sketches, examples, self.most)

    @classmethod
    def load(cls, dumped: Dumped, names: list[str]) -> Window:
        """What `dump` gave. Raises ValueError for what is none."""
        if len(dumped.kinds) != KINDS + 1 or len(dumped.sketches) != len(names):
            raise ValueError("a window has other columns")
        window = cls(names)
        window.count, window.failed, window.kinds = dumped.count, dumped.failed, dumped.kinds
        window.ways = set(dumped.ways[:MOST_WAYS])
        for sketch, each in zip(window.sketches, dumped.sketches, strict=True):
            sketch.count, sketch.total, sketch.buckets = each
        events = [None if each is None else event_of(each) for each in dumped.examples]
        window.last, window.failure, window.largest = events
        window.most = dumped.most
        return window


class Shape:
    """The columns that windows of one format have."""

    def __init__(self, names: list[str]) -> None:
        self.names = names  # of the numbers that the format declares
        self.kinds: dict[str, int] = {}  # class of acts -> its column
        self.columns = [
            Column("events", "count", ""),
            Column("different acts", "count", ""),
            Column("error share", "share", "share"),
            *(Column("", "count", "") for _ in range(KINDS)),
            Column("other acts", "count", ""),
            *(column for name in names for column in columns_of(name)),
        ]

    def kind(self, name: str) -> int:
        """The column of a class of acts; the last one for all that come after the first few."""
        if name not in self.kinds and len(self.kinds) < KINDS:
            self.kinds[name] = len(self.kinds)
            self.columns[3 + self.kinds[name]] = Column(name, "count", "")
        return self.kinds.get(name, KINDS)

    def row(self, window: Window) -> tuple[list[float], list[float]]:
        """The numbers of a window on their scales (NaN where there is none), and of how many cases each one is."""
        count = window.count
        row = [log(1 + count), log(1 + len(window.ways)), window.failed / count if count else NAN]
        alone = len(self.kinds) < 2  # then it is the count of events once more
        row += [0.0 if alone else log(1 + each) for each in window.kinds]
        cases: list[float] = [count] * len(row)
        for name, sketch in zip(self.names, window.sketches, strict=True):
            found = _values(name, sketch) if sketch.count else [NAN] * len(columns_of(name))
            row += found
            cases += [sketch.count] * len(found)
        return row, cases


@cache
def columns_of(name: str) -> tuple[Column, ...]:
    """The columns of one number of a declaration, by its name: `… share`, `… bytes`, or a duration in seconds."""
    if name.endswith("share"):
        return (Column(name, "share", "share"),)
    unit = "bytes" if name.endswith("bytes") else "seconds" if name.endswith("duration") else ""
    columns = (Column(f"mean {name}", "mean", unit), Column(f"p95 of {name}", "p95", unit))
    return (*columns, Column(f"total {name}", "p95", unit)) if unit == "bytes" else columns


def _values(name: str, sketch: Sketch) -> list[float]:
    mean = sketch.total / sketch.count
    if name.endswith("share"):
        return [mean]
    values = [mean, sketch.quantile(0.95), *([sketch.total] if name.endswith("bytes") else [])]
    return [log(max(each, LEAST)) for each in values]


def back(column: Column, value: float) -> float:
    """The number itself, of what stands in a row."""
    if column.scale == "share":
        return min(1.0, max(0.0, value))
    return max(0.0, exp(min(value, 40.0)) - 1) if column.scale == "count" else exp(min(value, 40.0))
