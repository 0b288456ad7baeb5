"""Walk through what meets a query in order of time, reading no more than is asked for."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from event_model.event import Event
from store.building import Normalize, Progress
from store.journal import Journal
from store.selection import Place, Selection
from store.summary import Summary

Cursor = tuple[int, str, int]  # (time, partition, pointer): orders what is in a store
END = 1 << 62  # behind every pointer
_FIRST_CHUNK, _LARGEST_CHUNK = 256, 8192


class Hit(Struct, frozen=True):
    """What lies at a place: `event` once it was made, nothing at a mere mark."""

    cursor: Cursor
    event: Event | None = None
    is_mark: bool = False  # nothing there: a bound, or how far was looked
    is_end: bool = False  # of patience


@dataclass(slots=True)
class Patience:
    """How many events may be made only to be tested, in one search."""

    left: int
    progress: Progress | None = None
    total: int = 0
    tested: int = field(default=0, init=False)

    def spend(self, number: int) -> None:
        self.tested += number
        self.left -= number
        if self.progress:
            self.progress(self.tested, max(self.total, self.tested))


@dataclass(frozen=True, slots=True)
class Stream:
    """What of one partition meets a query."""

    partition: str
    summary: Summary
    selection: Selection
    journal: Journal
    normalize: Normalize
    meets: Callable[[Event], bool]

    def hits(self, limit: int, after: Cursor | None, oldest_first: bool, patience: Patience) -> Iterator[Hit]:
        """In order; first a mark where the partition begins, so that it is not searched before its turn."""
        edge = self.summary.since if oldest_first else self.summary.until
        yield Hit((edge or 0, self.partition, -1 if oldest_first else END), is_mark=True)
        behind = self._behind(after)
        if self.selection.exact:
            yield from self._known(limit, behind, oldest_first)
        else:
            yield from self._tested(behind, oldest_first, patience)

    def events(self, patience: Patience) -> Iterator[Event]:
        """All of them, in the journal's order."""
        pointer = -1
        while pointers := self.selection.pointers(_LARGEST_CHUNK, pointer):
            pointer = pointers[-1]
            for entry in self.journal.read(self.partition, pointers):
                event = self.normalize(entry)
                if self.selection.exact or self.meets(event):
                    yield event
            patience.spend(len(pointers))

    def _known(self, limit: int, behind: Place | None, oldest_first: bool) -> Iterator[Hit]:
        while places := self.selection.page(limit, behind, oldest_first):
            for time, pointer in places:
                yield Hit((time, self.partition, pointer))
            behind = places[-1]

    def _tested(self, behind: Place | None, oldest_first: bool, patience: Patience) -> Iterator[Hit]:
        chunk = _FIRST_CHUNK
        while places := self.selection.page(chunk, behind, oldest_first):
            entries = self.journal.read(self.partition, [pointer for _, pointer in places])
            events = {entry.pointer: self.normalize(entry) for entry in entries}
            for time, pointer in places:
                event = events.get(pointer)
                if event is not None and self.meets(event):
                    yield Hit((time, self.partition, pointer), event)
            behind = places[-1]
            patience.spend(len(places))
            mark = (behind[0], self.partition, behind[1])
            yield Hit(mark, is_mark=True, is_end=patience.left <= 0)
            chunk = min(chunk * 2, _LARGEST_CHUNK)

    def _behind(self, after: Cursor | None) -> Place | None:
        """Where to go on in this partition behind a place of the store."""
        if after is None:
            return None
        time, partition, pointer = after
        if partition != self.partition:
            pointer = END if self.partition < partition else -1
        return time, pointer


def merge(streams: Iterable[Iterator[Hit]], oldest_first: bool) -> Iterator[Hit]:
    """All hits in the order of their cursors."""
    return heapq.merge(*streams, key=lambda hit: hit.cursor, reverse=not oldest_first)
