"""What is usual for an entity and for its peers: bounded samples of past windows, and how far a new one is from them."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

KEPT = 64  # windows of an entity
POOLED = 256  # windows of a group
DECAY = 8  # of so many windows one takes the place of an old one: 64 x 8 windows of 5 minutes are 1.8 days
CONFIDENT = 8.0  # windows of an entity that weigh as much as all its peers
TOGETHER = 256  # habits that are worked out at once
_LEAST = {"count": 0.25, "share": 0.02, "mean": 0.2, "p95": 0.2}  # spread below which nobody's habits are


class Sample:
    """A sample of rows in which old ones give way to new ones at random (biased reservoir, Aggarwal, VLDB 2006).

    Chance comes from a hash of name and count, so that a replay keeps the same rows.
    """

    def __init__(self, name: str, size: int, width: int) -> None:
        self.rows: Rows = np.full((size, width), np.nan, np.float32)
        self.seen = 0  # rows ever
        self._salt = crc32(name.encode("utf-8", "replace"))

    def __len__(self) -> int:
        return min(self.seen, len(self.rows))

    def add(self, row: Rows, decay: int = DECAY) -> bool:
        """Take a row, or one in `decay` once there are enough. Whether it was taken."""
        size = len(self.rows)
        self.seen += 1
        if self.seen <= size:
            self.rows[self.seen - 1] = row
            return True
        chance = crc32(self.seen.to_bytes(8, "big"), self._salt)
        if chance % decay:
            return False
        self.rows[chance // decay % size] = row
        return True

    def known(self) -> Rows:
        return self.rows[: len(self)]


class Habit:
    """Centre (median) and spread (1.4826 times the median absolute deviation) of each column of a sample."""

    def __init__(self, name: str, size: int, width: int) -> None:
        self.sample = Sample(name, size, width)
        self.centre = np.full(width, np.nan, np.float32)
        self.spread = np.full(width, np.nan, np.float32)


def settle(habits: Iterable[Habit]) -> None:
    """Work out centre and spread of these habits again, many at a time, for the calls are what costs."""
    sizes: dict[int, list[Habit]] = {}
    for habit in habits:
        sizes.setdefault(len(habit.sample.rows), []).append(habit)
    for some in sizes.values():
        for start in range(0, len(some), TOGETHER):
            piece = some[start : start + TOGETHER]
            rows = np.stack([each.sample.rows for each in piece])
            centre = median(rows)
            spread = 1.4826 * median(np.abs(rows - centre[:, None]))
            for each, middle, wide in zip(piece, centre, spread, strict=True):
                each.centre, each.spread = middle, wide


def median(rows: Rows) -> Rows:
    """The lower median of each column (the last axis) over the axis before, without NaNs; NaN where nothing else is."""
    ordered = np.sort(rows, axis=-2)  # NaNs come last
    there = np.count_nonzero(~np.isnan(ordered), axis=-2)
    at = np.maximum(there - 1, 0) // 2
    middle: Rows = np.take_along_axis(ordered, at[..., None, :], axis=-2)[..., 0, :]
    return middle


def expected(own: list[Habit], peers: list[Habit]) -> tuple[Rows, Rows, Rows]:
    """Centre and spread to expect of some entities (each n by columns), and how much of that is their own (n by 1).

    A new one is taken as one of its peers, whose spread is wide: little of what it does is far from that.
    """
    seen = np.array([[len(each.sample)] for each in own], np.float32)
    weight = seen / (seen + CONFIDENT)
    centre = _mixed(
        np.stack([each.centre for each in own]), np.stack([each.centre for each in peers]), weight
    )
    ours, theirs = (np.stack([each.spread for each in habits]) ** 2 for habits in (own, peers))
    return centre, np.sqrt(_mixed(ours, theirs, weight)), weight


def _mixed(own: Rows, peers: Rows, weight: Rows) -> Rows:
    """Where only one of both knows anything, that one."""
    both = weight * own + (1 - weight) * peers
    return np.where(np.isnan(own), peers, np.where(np.isnan(peers), own, both)).astype(np.float32)


def apart(rows: Rows, cases: Rows, centre: Rows, spread: Rows, scales: list[str]) -> Rows:
    """How far rows are from what is expected, in standard deviations of habit, chance and the least spread together;
    0 where nothing is known."""
    least = np.array([_LEAST[scale] for scale in scales], np.float32)
    variance = spread**2 + least**2 + chance(cases, centre, scales)
    far: Rows = np.nan_to_num((rows - centre) / np.sqrt(variance), nan=0.0, posinf=0.0, neginf=0.0)
    return far.astype(np.float32)


def chance(cases: Rows, centre: Rows, scales: list[str]) -> Rows:
    """The variance that counting alone brings, if the expected is true: of the logarithm of a Poisson count 1/n; of a
    share p(1 - p)/n, with p half a case from 0 and 1; of mean and p95 of n sizes about .5/n and 1/n."""
    kind = np.array(scales)
    many = np.maximum(cases, 1.0)
    shares = np.clip((np.clip(centre, 0, 1) * many + 0.5) / (many + 1), 0, 1)
    found = np.where(kind == "share", shares * (1 - shares) / many, np.where(kind == "mean", 0.5, 1.0) / many)
    variance: Rows = np.where(kind == "count", np.exp(-np.maximum(centre, 0.0)), found)
    return variance
