"""What a store says of itself: where it is, how large, since when."""

from __future__ import annotations

from msgspec import Struct


class Held(Struct, frozen=True):
    path: str  # folder, or address of a cluster
    bytes: int | None  # None where whoever asks may not know
    partitions: int  # days of a journal, indices of a cluster
    oldest: str | None  # the first of them
