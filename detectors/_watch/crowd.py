"""Whom to forget where there are too many: strangers oust strangers, not who has been known for long."""

from __future__ import annotations

from collections.abc import Collection
from heapq import nsmallest
from typing import Protocol, TypeVar

from detectors._watch.clock import DAY, WINDOW

LONG = 2 * DAY
WITHIN_WINDOW = 2  # times as many as there is room for are taken in, until the window closes


class Known(Protocol):
    @property
    def seen(self) -> float: ...  # flow when it was active last

    @property
    def windows(self) -> int: ...  # active ones, ever


T = TypeVar("T", bound=Known)


def least_known(known: Collection[T], most: int) -> list[T]:
    """Those to forget, so that `most` are left; of equals, who come in the order in which they were met, the later ones."""
    return nsmallest(len(known) - most, reversed(list(known)), key=_until)


def _until(known: Known) -> float:
    """It stays as long as one who was active until this flow: who has been active for hours may be silent for as many."""
    return known.seen + min(LONG, known.windows * WINDOW * 60.0)
