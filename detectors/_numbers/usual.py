"""What is usual for an entity and for its peers: bounded samples of past windows, and how far a new one is from them."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

KEPT = 64  # windows of an entity
POOLED = 256  # windows of a group
DECAY = 8  # of so many windows one takes the place of an old one: 64 x 8 windows of 5 minutes are 1.8 days
CONFIDENT = 8.0  # windows of an entity that weigh as much as all its peers
REFRESH = 4  # windows after which centre and spread are worked out again
_LEAST = {"count": 0.25, "share": 0.02, "size": 0.2}  # spread below which nobody's habits are


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

    def add(self, row: Rows) -> None:
        size = len(self.rows)
        self.seen += 1
        if self.seen <= size:
            self.rows[self.seen - 1] = row
            return
        chance = crc32(self.seen.to_bytes(8, "big"), self._salt)
        if chance % DECAY == 0:
            self.rows[chance // DECAY % size] = row

    def known(self) -> Rows:
        return self.rows[: len(self)]


class Habit:
    """Centre (median) and spread (1.4826 times the median absolute deviation) of each column of a sample."""

    def __init__(self, name: str, size: int, width: int) -> None:
        self.sample = Sample(name, size, width)
        self.centre = np.full(width, np.nan, np.float32)
        self.spread = np.full(width, np.nan, np.float32)

    def learn(self, row: Rows) -> None:
        self.sample.add(row)
        if self.sample.seen % REFRESH == 0 or self.sample.seen < 2 * REFRESH:
            self.refresh()

    def refresh(self) -> None:
        rows = self.sample.known()
        self.centre = median(rows)
        self.spread = 1.4826 * median(np.abs(rows - self.centre))


def median(rows: Rows) -> Rows:
    """The lower median of each column without its NaNs; NaN for a column that has nothing else."""
    ordered = np.sort(rows, axis=0)  # NaNs come last
    there = np.count_nonzero(~np.isnan(ordered), axis=0)
    middle: Rows = ordered[np.maximum(there - 1, 0) // 2, np.arange(rows.shape[1])]
    return middle


def expected(own: list[Habit], peers: list[Habit]) -> tuple[Rows, Rows, Rows]:
    """Centre and spread to expect of some entities (each n × columns), and how much of that is their own (n × 1).

    A new one is taken as one of its peers, whose spread is wide: little of what it does is far from that.
    """
    seen = np.array([[len(each.sample)] for each in own], np.float32)
    weight = seen / (seen + CONFIDENT)
    centre = _mixed(np.stack([each.centre for each in own]), np.stack([each.centre for each in peers]), weight)
    variances = [np.stack([each.spread for each in habits]) ** 2 for habits in (own, peers)]
    return centre, np.sqrt(_mixed(*variances, weight)), weight


def _mixed(own: Rows, peers: Rows, weight: Rows) -> Rows:
    """Where only one of both knows anything, that one."""
    both = weight * own + (1 - weight) * peers
    return np.where(np.isnan(own), peers, np.where(np.isnan(peers), own, both)).astype(np.float32)


def apart(rows: Rows, noise: Rows, centre: Rows, spread: Rows, scales: list[str]) -> Rows:
    """How far rows are from what is expected, in standard deviations of habit, chance and the least spread together;
    0 where nothing is known."""
    least = np.array([_LEAST[scale] for scale in scales], np.float32)
    far = (rows - centre) / np.sqrt(spread**2 + noise**2 + least**2)
    return np.nan_to_num(far, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
