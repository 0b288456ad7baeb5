"""Ask one partition's index: how many, which, the commonest values, how many over time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tantivy import FieldType, Order
from tantivy import Query as Tantivy

from store.buckets import Buckets
from store.columns import POINTER, TIME, Column
from store.query.ast import All, Query
from store.query.index_query import every, narrow, time_range

MOST_VALUES = 65_000  # distinct values that tantivy gives at once
_Answer = TypeVar("_Answer")


class Extent(NamedTuple):
    """How many there are, and from when to when (microseconds since 1970, both inclusive)."""

    number: int
    first: int
    last: int


class Damaged(ValueError):
    """An index that could be opened and can't be read; `folder` is where it lies."""

    def __init__(self, folder: Path, reason: object) -> None:
        self.folder = folder
        super().__init__(f"the index in {folder} is damaged: {reason}")


Place = tuple[int, int]  # (time, pointer): orders what is in one partition


class Selection:
    """What of an index, as it was at one moment, meets a query between two times."""

    def __init__(
        self,
        folder: Path,
        schema: Any,
        searcher: Any,
        query: Query,
        since: int | None = None,
        until: int | None = None,
    ) -> None:
        self._folder, self._schema, self._searcher = folder, schema, searcher
        self._is_all = isinstance(query, All) and since is None and until is None
        narrowed = narrow(query, schema, searcher)
        self.exact = narrowed.exact  # otherwise what it gives may meet the query, and nothing else does
        self._query = narrowed.query
        if since is not None or until is not None:
            self._query = every([self._query, time_range(schema, since, until, high_counts=False)])

    def extent(self) -> Extent | None:
        """None if there is nothing."""
        found = self._aggregate({"stats": {"field": TIME}})
        return Extent(found["count"], int(found["min"]), int(found["max"])) if found["count"] else None

    def count(self) -> int:
        if self._is_all:
            return int(self._searcher.num_docs)
        return int(self._aggregate({"value_count": {"field": POINTER}})["value"])

    def page(self, limit: int, after: Place | None = None, oldest_first: bool = False) -> list[Place]:
        """The next ones behind `after`: by time, and by pointer where the time is the same."""
        limit = min(limit, self._searcher.num_docs)  # room for so many is made at once
        query = self._query if after is None else every([self._query, self._behind(after, oldest_first)])
        found = self._by(TIME, query, limit + 1, oldest_first)
        if len(found) > limit:
            edge = found[limit][0]
            if found[limit - 1][0] == edge:  # a tie is cut: the index keeps any of those, we want the first
                found = [place for place in found if place[0] != edge]
                tied = every([query, time_range(self._schema, edge, edge)])
                found += [(edge, pointer) for _, pointer in self._by(POINTER, tied, limit, oldest_first)]
        return sorted(found, reverse=not oldest_first)[:limit]

    def pointers(self, limit: int, after: int = -1) -> list[int]:
        """The next pointers behind `after`, in the journal's order."""
        behind = Tantivy.range_query(
            self._schema, POINTER, FieldType.Unsigned, max(after, 0), None, after < 0, True
        )
        found = self._by(POINTER, every([self._query, behind]), limit, True)
        return [pointer for _, pointer in found]

    def top(self, column: Column, size: int) -> tuple[list[tuple[str, int]], bool]:
        """The commonest values of a fast column with their counts; and whether these are all there are."""
        size = min(size, MOST_VALUES)
        found = self._aggregate({"terms": {"field": column.key, "size": size, "segment_size": size}})
        values = [(bucket["key"], bucket["doc_count"]) for bucket in found["buckets"]]
        return values, not found["sum_other_doc_count"]

    def histogram(self, buckets: Buckets) -> list[int]:
        """How many in each of the buckets, which hold all there is."""
        start, width = buckets.start, buckets.width
        histogram = {"field": TIME, "interval": width, "offset": start % width, "min_doc_count": 1}
        counts = [0] * buckets.number
        for bucket in self._aggregate({"histogram": histogram})["buckets"]:
            place = round((bucket["key"] - start) / width)
            # far from 1970 tantivy's floating-point keys may be off by one
            counts[min(max(place, 0), buckets.number - 1)] += bucket["doc_count"]
        return counts

    def _aggregate(self, what: dict[str, Any]) -> Any:
        return self._read(lambda: self._searcher.aggregate(self._query, {"it": what})["it"])

    def _by(self, key: str, query: Any, limit: int, ascending: bool) -> list[Place]:
        order = Order.Asc if ascending else Order.Desc

        def read() -> list[Place]:
            found = self._searcher.search(query, limit, count=False, order_by_field=key, order=order).hits
            pointers = self._searcher.fast_field_values(POINTER, [address for _, address in found])
            return [(value, pointer) for (value, _), pointer in zip(found, pointers, strict=True)]

        return self._read(read)

    def _read(self, ask: Callable[[], _Answer]) -> _Answer:
        try:
            return ask()
        except ValueError as error:
            raise Damaged(self._folder, error) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # tantivy's, of files that make no sense
                raise
            raise Damaged(self._folder, error) from error

    def _behind(self, after: Place, ascending: bool) -> Any:
        time, pointer = after
        schema = self._schema
        if pointer < 0:  # before all that happened at this time
            return time_range(schema, time, None) if ascending else time_range(schema, None, time - 1)
        if ascending:
            further = time_range(schema, time + 1, None)
            tied = Tantivy.range_query(schema, POINTER, FieldType.Unsigned, pointer, None, False, True)
        else:
            further = time_range(schema, None, time - 1)
            tied = Tantivy.range_query(schema, POINTER, FieldType.Unsigned, None, pointer, True, False)
        return further.or_should_match(every([time_range(schema, time, time), tied]))
