"""Search events in an Elasticsearch cluster: by its index, and by events made again from raw records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, TypeVar

from msgspec.structs import replace

from event_model.errors import StoreError
from event_model.event import Event
from event_model.parts import Found
from store.building import Normalize, Progress
from store.elastic import mapping
from store.elastic.client import Connection, connect, telling
from store.elastic.columns import column
from store.elastic.following import Follower, Place, follower
from store.elastic.hits import MOST, Reader
from store.elastic.names import Names
from store.elastic.narrowed import EVERYTHING, Filter, all_of, exactly
from store.elastic.query import MOST_TERMS, narrow, span
from store.elastic.question import Question
from store.elastic.searcher import Searcher, within
from store.held import Held
from store.query.ast import Equal, Query
from store.query.counted import counted
from store.query.names import resolve
from store.query.predicate import predicate
from store.times import moments, rfc3339

MOST_TESTED = 100_000
ROOTS = (*mapping.natives(), "tallyman.record")  # below which native records stand
TYPES = {name: each["type"] for name, each in mapping.events().items()}
_Answer = TypeVar("_Answer")


class Elasticsearch:
    """The events in a cluster, for reading. Raises StoreError where it can't be reached or does not answer whole.

    What an index can't tell by itself (of fields it does not hold, of values it had to cut) is tested on the
    events: a search then looks at no more than `most_tested` events for a page, gives what it found and where
    to go on, and has a lower bound for a total; `count`, `top` and `histogram` look at all. `progress` is told
    of events looked at, of how many. They raise TimeoutError for what takes the cluster too long.
    """

    def __init__(
        self, connection: Connection, names: Names, normalize: Normalize, *, most_tested: int = MOST_TESTED
    ) -> None:
        self.connection, self.names, self.normalize = connection, names, normalize
        self.client = connect(connection)
        self.searcher = Searcher(self.client, connection, ",".join(names.streams))
        self._most_tested = most_tested

    def __enter__(self) -> Elasticsearch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.client.close()

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
        """One page of the events that meet the query, with since <= time < until (RFC 3339), newest first.

        `after` is (time, "", order). The total is exact up to 10,000; `count` counts all.
        """
        place = None if after is None else (int(after[0]), int(after[2]))
        try:
            return self._question(query, since, until, progress).page(
                limit, place, oldest_first, self._most_tested
            )
        except TimeoutError as error:
            raise StoreError(str(error)) from None

    def count(
        self,
        query: Query,
        *,
        since: str | None = None,
        until: str | None = None,
        progress: Progress | None = None,
    ) -> int:
        """How many events meet the query, exactly."""
        return self._question(query, since, until, progress).count()

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

        Exact, unless a shard has more than 65,000 values of the field.
        """
        name, query = counted(query, field)
        where = column(name, TYPES)
        return self._question(query, since, until, progress, where.doubts).top(name, where, size)

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
        counts = self._question(query, since, until, progress).histogram(first, end, buckets)
        return [(rfc3339(start), count) for start, count in counts]

    def get(self, id: str) -> Event | None:
        """The event with this id (`tallyman.id`)."""
        return self._question(Equal(resolve("tallyman.id"), id), None, None, None).first()

    def every(self) -> Iterator[Event]:
        """All events, oldest first, as they are now."""
        with self.searcher.standing(True) as standing:
            reader = Reader(
                self.searcher, self.normalize, EVERYTHING, oldest_first=True, standing=standing
            )  # fmt: skip
            while not reader.ended:
                yield from (hit.event for hit in reader.read(MOST)[0])

    def follow(self, place: Place | None = None) -> Follower:
        """A reader of what comes behind a place, or from now on."""
        return follower(self.searcher, self.normalize, place)

    def held(self) -> Held:
        """How much there is in the cluster, copies included."""
        self.searcher.permitted()
        address = f"{self.connection.address} {self.names.namespace}".strip()
        with telling(self.connection, "asking how much it holds"):
            found = self.client.indices.resolve_index(
                name=self.searcher.index, expand_wildcards="all", ignore_unavailable=True
            )
        streams = [each["name"] for each in found["data_streams"]]
        indices = [name for each in found["data_streams"] for name in each["backing_indices"]]
        days = sorted(day[0] for name in indices if (day := re.search(r"\d{4}\.\d\d\.\d\d", name)))
        return Held(address, self._bytes(streams), len(indices), days[0] if days else None)

    def _bytes(self, streams: Sequence[str]) -> int | None:
        if not streams:
            return 0
        try:
            with telling(self.connection, "asking how much it holds"):
                found = self.client.indices.stats(index=streams, metric="store", level="cluster")
        except StoreError:  # who only reads need not be permitted to
            return None
        return int(found["_all"]["total"].get("store", {}).get("size_in_bytes", 0))

    def _question(
        self,
        query: Query,
        since: str | None,
        until: str | None,
        progress: Progress | None,
        doubts: tuple[Filter, ...] = (),
    ) -> Question:
        when = span(*moments(since, until))
        narrowed = all_of([narrow(query, TYPES, ROOTS, self._values(when)), exactly(when)])
        if doubts:
            narrowed = replace(narrowed, doubts=(*narrowed.doubts, *doubts))
        return Question(self.searcher, self.normalize, narrowed, predicate(query), progress)

    def _values(self, when: Filter) -> Callable[[str], list[Any] | None]:
        def values(field: str) -> list[Any] | None:
            terms = {"field": field, "size": MOST_TERMS, "shard_size": MOST_TERMS}
            body = {**within(when), "size": 0, "aggs": {"it": {"terms": terms}}}
            found = self.searcher.ask(body)[0]["aggregations"]["it"]
            there = [each["key"] for each in found["buckets"] if each["key"] != ""]  # which is no value
            return None if found["sum_other_doc_count"] else there

        return values
