"""Search the journal on this machine: by indexes beside it, and by events made again from raw records."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from event_model.errors import NoRoom, StoreError
from event_model.event import Event
from event_model.parts import Found
from store.building import Normalize, Progress
from store.held import Held
from store.indexes import Indexes
from store.journal import Entry, Journal
from store.query.ast import Equal, Query
from store.query.counted import counted
from store.query.names import resolve
from store.query.predicate import predicate
from store.question import Question
from store.selection import Damaged
from store.stream import Hit, Stream
from store.times import moments, rfc3339
from store.trouble import MAKE_ROOM

log = logging.getLogger(__name__)
MOST_TESTED = 100_000
_LEAST_ROOM = 1 << 20  # bytes
_MOST_THREADS = 4
_Answer = TypeVar("_Answer")


class Embedded:
    """The embedded store over a journal's folder. Raises StoreError if there is none.

    One process may be `writable`: it gives `add` what it appended to the journal, and commits. What an index
    can't tell by itself (of fields it does not hold) is tested on the events: a search then looks at no more
    than `most_tested` events for a page, gives what it found and where to go on, and has a lower bound for a
    total; `count`, `top` and `histogram` look at all. `progress` is told of events looked at, of how many.
    """

    def __init__(
        self, root: Path, normalize: Normalize, *, writable: bool = False, most_tested: int = MOST_TESTED
    ) -> None:
        self.root, self.normalize = root, normalize
        self._journal = Journal(root)
        self._indexes = Indexes(self._journal, normalize, writable=writable)
        self._most_tested = most_tested
        self._threads = ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1), "search")
        self._writing = ""  # partition

    def __enter__(self) -> Embedded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another process write; what was not committed is caught up with later."""
        self._threads.shutdown()
        self._indexes.close()

    def add(self, entries: Iterable[tuple[Entry, Event]]) -> None:
        """Make events searchable from the next commit on: by one thread, and no batch before an earlier one.

        Raises StoreError when the disk refuses.
        """
        ordered = sorted(entries, key=lambda pair: (pair[0].partition, pair[0].pointer))
        for partition, group in groupby(ordered, lambda pair: pair[0].partition):
            if partition != self._writing:
                self._commit(complete=True)
                self._writing = partition
            try:
                index = self._indexes.to_write(partition)
                for entry, event in group:
                    index.add(entry.pointer, event)
            except (ValueError, OSError) as error:
                raise self._refused(error) from error

    def commit(self) -> None:
        """Make durable and searchable what was added. Raises StoreError when the disk refuses."""
        self._commit(complete=False)

    def _commit(self, *, complete: bool) -> None:
        if not self._writing:
            return
        try:
            index = self._indexes.to_write(self._writing)
            index.commit(complete=complete)
            if complete:
                index.close()
        except (ValueError, OSError) as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> StoreError:
        place = f"{self.root / self._writing}: the index can't be written: {error}."
        # a worker of the index may die of a full disk and not say so
        if "No space left" in str(error) or shutil.disk_usage(self.root).free < _LEAST_ROOM:
            return NoRoom(f"{place} {MAKE_ROOM}")
        return StoreError(f"{place} Check that disk")

    def recover(self) -> None:
        """After `add` or `commit` raised: open the index anew and catch up with the journal.

        Raises NoRoom or another StoreError while that does not work yet: call it again later.
        """
        if self._writing:
            self._indexes.let_go(self._writing)
            self._writing = ""
        self.catch_up()

    def catch_up(self) -> int:
        """Index what the journal holds beyond the indexes, as after a crash; how many entries that were."""
        try:
            return self._indexes.catch_up()
        except (ValueError, OSError) as error:
            raise self._refused(error) from error

    def held(self) -> Held:
        """How much there is, journal and indexes together."""
        partitions = self._journal.partitions()
        oldest = partitions[0] if partitions else None
        return Held(str(self.root), self._journal.size(), len(partitions), oldest)

    def reindex(self, progress: Progress | None = None) -> None:
        """Make the indexes anew, partition by partition; `progress` is told of bytes of the journal."""
        try:
            self._indexes.rebuild(progress)
        except (ValueError, OSError) as error:
            raise self._refused(error) from error

    def search(
        self,
        query: Query,
        *,
        since: str | None = None,
        until: str | None = None,
        limit: int = 50,
        after: Any = None,
        oldest_first: bool = False,
        progress: Progress | None = None,
    ) -> Found:
        """One page of the events that meet the query, with since <= time < until (RFC 3339), newest first."""
        cursor = None if after is None else (int(after[0]), str(after[1]), int(after[2]))

        def ask(question: Question) -> Found:
            page = question.page(limit, cursor, oldest_first, self._most_tested)
            return Found(self._load(page.hits), page.total, page.exact, page.rest)

        return self._answer(ask, query, since, until, progress)

    def count(
        self,
        query: Query,
        *,
        since: str | None = None,
        until: str | None = None,
        progress: Progress | None = None,
    ) -> int:
        """How many events meet the query, exactly."""
        return self._answer(Question.count, query, since, until, progress)

    def top(
        self,
        query: Query,
        field: str,
        *,
        since: str | None = None,
        until: str | None = None,
        size: int = 10,
        progress: Progress | None = None,
    ) -> list[tuple[Any, int]]:
        """The commonest values of a field with how many events have them. Raises QueryError for no field.

        Exact, unless a partition has more than 65,000 values of the field.
        """
        name, query = counted(query, field)
        return self._answer(lambda question: question.top(name, size), query, since, until, progress)

    def histogram(
        self,
        query: Query,
        *,
        since: str | None = None,
        until: str | None = None,
        buckets: int = 60,
        progress: Progress | None = None,
    ) -> list[tuple[str, int]]:
        """How many over time: the start of each step and the events in it, at most `buckets` steps.

        From `since` to `until`, else from the first event to the last; empty steps are among them.
        """
        first, end = moments(since, until)
        counts = self._answer(
            lambda question: question.histogram(first, end, buckets), query, since, until, progress
        )
        return [(rfc3339(start), count) for start, count in counts]

    def get(self, id: str) -> Event | None:
        """The event with this id (`tallyman.id`)."""
        return self._answer(Question.first, Equal(resolve("tallyman.id"), id), None, None, None)

    def _answer(
        self,
        ask: Callable[[Question], _Answer],
        query: Query,
        since: str | None,
        until: str | None,
        progress: Progress | None,
    ) -> _Answer:
        """Asked once more after an index turned out to be damaged, and was mended."""
        first, end = moments(since, until)
        try:
            return ask(Question(self._streams(query, first, end), self._each, progress))
        except Damaged as error:
            self._indexes.mend(error.folder, str(error))
        try:
            return ask(Question(self._streams(query, first, end), self._each, progress))
        except Damaged as error:
            raise StoreError(f"{error}. `tallyman store reindex` makes the indexes anew") from error

    def _streams(self, query: Query, since: int | None, until: int | None) -> list[Stream]:
        meets = predicate(query)
        found = []
        for partition, index in self._indexes.all(since, until):
            try:
                known = index.known()
                if known.may_hold(since, until):
                    selection = index.select(query, since, until)
                    found.append(Stream(partition, known, selection, self._journal, self.normalize, meets))
            except ValueError as error:
                if (self.root / partition).exists():  # else it was dropped just now
                    raise Damaged(index.folder, error) from error
        return found

    def _each(self, ask: Callable[[Stream], Any], streams: Sequence[Stream]) -> list[Any]:
        if len(streams) < 2:
            return [ask(stream) for stream in streams]
        return list(self._threads.map(ask, streams))

    def _load(self, hits: Sequence[Hit]) -> list[Event]:
        """The events of hits, made again from the journal where they were not needed so far."""
        wanted: dict[str, list[int]] = {}
        for hit in hits:
            if hit.event is None:
                wanted.setdefault(hit.cursor[1], []).append(hit.cursor[2])
        made = {
            (partition, entry.pointer): self.normalize(entry)
            for partition, pointers in wanted.items()
            for entry in self._journal.read(partition, pointers)
        }
        events = (hit.event or made.get(hit.cursor[1:]) for hit in hits)
        return [event for event in events if event is not None]  # without those dropped meanwhile
