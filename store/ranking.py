"""Merge the commonest values of several partitions into the commonest of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

Value = TypeVar("Value", bound=object)
Counts = list[tuple[Value, int]]


def rank(counts: dict[Value, int], size: int) -> Counts[Value]:
    """The commonest, with equally common ones in the order of their text."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))[:size]


def merge(lists: Sequence[tuple[Counts[Value], bool]], size: int) -> Counts[Value] | None:
    """The `size` commonest, exactly. Each list is commonest first, and whole or cut at its end.

    None if a value that some list was cut before could be among them: then ask for longer lists.
    """
    total: Counter[Value] = Counter()
    for counts, _ in lists:
        total.update(dict(counts))
    best = rank(total, size)
    cut = [dict(counts) for counts, whole in lists if not whole]
    if not cut:
        return best
    chosen = {value for value, _ in best}
    if len(best) < size or any(value not in counts for counts in cut for value in chosen):
        return None
    unseen = [min(counts.values(), default=0) for counts in cut]
    others = max(
        (
            count + sum(most for counts, most in zip(cut, unseen, strict=True) if value not in counts)
            for value, count in total.items()
            if value not in chosen
        ),
        default=0,
    )
    return best if best[-1][1] > max(others, sum(unseen)) else None
