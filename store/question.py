"""Put one query to all partitions, and make one answer of theirs."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from event_model.event import Event
from store import buckets, ranking
from store.building import Progress
from store.columns import BY_NAME, Column
from store.query.ast import Name
from store.query.matcher import moment
from store.query.predicate import read_values
from store.selection import MOST_VALUES
from store.stream import Cursor, Hit, Patience, Stream, merge
from store.times import rfc3339

_FIRST_TOP = 1_000  # values asked of each partition; more where these do not decide
_ENDLESS = 1 << 62
Each = Callable[[Callable[[Stream], Any], Sequence[Stream]], list[Any]]


class Page(NamedTuple):
    hits: list[Hit]
    total: int  # a lower bound unless `exact`
    exact: bool
    rest: Cursor | None  # where to go on


class Question:
    """`each` maps a function over partitions, perhaps at the same time."""

    def __init__(self, streams: Sequence[Stream], each: Each, progress: Progress | None = None) -> None:
        self._streams, self._each, self._progress = streams, each, progress
        # the index answers for some by itself; the events of the others must be tested
        self._known = [stream for stream in streams if stream.selection.exact]
        self._tested = [stream for stream in streams if not stream.selection.exact]

    def page(self, limit: int, after: Cursor | None, oldest_first: bool, most_tested: int) -> Page:
        """The next hits behind `after`; fewer than `limit`, but a rest, after `most_tested` tests."""
        total = sum(self._each(_size, self._streams))
        if limit == 0:
            return Page([], 0 if self._tested else total, not self._tested, None)
        patience = Patience(most_tested, self._progress, total)
        streams = (stream.hits(limit + 1, after, oldest_first, patience) for stream in self._streams)
        hits: list[Hit] = []
        rest: Cursor | None = None
        for hit in merge(streams, oldest_first):
            if hit.is_end or (len(hits) == limit and not hit.is_mark):
                rest = hit.cursor if hit.is_end else hits[-1].cursor
                break
            if not hit.is_mark:
                hits.append(hit)
        if not self._tested:
            return Page(hits, total, True, rest)
        return Page(hits, len(hits), after is None and rest is None, rest)

    def count(self) -> int:
        patience = self._patience()
        tested = sum(1 for stream in self._tested for _ in stream.events(patience))
        return tested + sum(self._each(_size, self._known))

    def first(self) -> Event | None:
        """Any one event, sought in the newest partitions first."""
        patience = Patience(_ENDLESS)
        return next((event for stream in reversed(self._streams) for event in stream.events(patience)), None)

    def top(self, name: Name, size: int) -> list[tuple[Any, int]]:
        """The commonest values of a field, each counted once an event."""
        column = None if name.root else BY_NAME.get(name.name)
        if column is None or not column.fast:
            found = ranking.rank(self._values(name, self._streams), size)
            return [(rfc3339(value), count) for value, count in found] if name.kind == "date" else found
        tested = list(self._values(name, self._tested).items())
        read: Callable[[str], Any] = int if name.kind == "long" else str
        take = max(size, _FIRST_TOP)
        while True:
            lists = [(tested, True), *self._each(_commonest(column, take, read), self._known)]
            best = ranking.merge(lists, size)
            if best is not None:
                return best
            if take >= MOST_VALUES:  # more values than the index gives: as good as can be had
                return ranking.merge([(counts, True) for counts, _ in lists], size) or []
            take = MOST_VALUES

    def histogram(self, since: int | None, until: int | None, most: int) -> list[tuple[int, int]]:
        """How many in steps from `since` to `until`, or from the first to the last."""
        patience = self._patience()
        times = array(
            "q", (moment(each.timestamp) for part in self._tested for each in part.events(patience))
        )
        extents = [extent for extent in self._each(_extent, self._known) if extent]
        if not times and not extents:
            return []
        first = since if since is not None else min([*times, *(extent.first for extent in extents)])
        last = until - 1 if until is not None else max([*times, *(extent.last for extent in extents)])
        steps = buckets.choose(first, last, most)
        counts = [0] * steps.number
        for time in times:
            counts[(time - steps.start) // steps.width] += 1
        for part in self._each(lambda stream: stream.selection.histogram(steps), self._known):
            counts = [one + other for one, other in zip(counts, part, strict=True)]
        return list(zip(steps.starts(), counts, strict=True))

    def _values(self, name: Name, streams: Sequence[Stream]) -> Counter[Any]:
        read, patience = read_values(name), self._patience(streams)
        counted: Counter[Any] = Counter()
        for stream in streams:
            for event in stream.events(patience):
                counted.update(set(read(event)))
        return counted

    def _patience(self, streams: Sequence[Stream] | None = None) -> Patience:
        streams = self._tested if streams is None else streams
        total = sum(self._each(_size, streams)) if self._progress else 0
        return Patience(_ENDLESS, self._progress, total)


def _size(stream: Stream) -> int:
    return stream.selection.count()


def _extent(stream: Stream) -> Any:
    return stream.selection.extent()


def _commonest(column: Column, take: int, read: Callable[[str], Any]) -> Callable[[Stream], Any]:
    def ask(stream: Stream) -> tuple[list[tuple[Any, int]], bool]:
        counts, whole = stream.selection.top(column, take)
        return [(read(value), count) for value, count in counts], whole

    return ask
