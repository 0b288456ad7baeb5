"""Put one query to the cluster, and make one answer of what it knows and what its events must be asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from event_model.event import Event
from event_model.parts import Found
from store import buckets, ranking
from store.buckets import Buckets
from store.building import Normalize, Progress
from store.elastic.columns import Column
from store.elastic.hits import MOST, Hit, Place, Reader, ordered
from store.elastic.narrowed import NOTHING, Filter, Narrowed
from store.elastic.searcher import Body, Searcher, within
from store.query.ast import Name
from store.query.matcher import moment
from store.query.predicate import read_values
from store.stream import Patience

MOST_COUNTED = 10_000  # in all, beside a page: `count` and `histogram` count every one
MOST_VALUES = 65_000  # of a field: servers give no more than 65,536 at once
_FIRST_TOP = 1_000  # values asked of each shard; more where these do not decide
_ENDLESS = 1 << 62


class Question:
    """`asked` is the query with its span of time; `meets` tests an event, where the index is not sure."""

    def __init__(
        self,
        searcher: Searcher,
        normalize: Normalize,
        asked: Narrowed,
        meets: Callable[[Event], bool],
        progress: Progress | None = None,
    ) -> None:
        self._searcher, self._normalize, self._asked = searcher, normalize, asked
        self._meets, self._progress = meets, progress

    def page(self, limit: int, after: Place | None, oldest_first: bool, most_tested: int) -> Found:
        """The next events behind `after`; fewer than `limit`, but somewhere to go on, after `most_tested` tests."""
        if limit == 0:
            known, unsure = self._ask(_counting(self._asked.least))
            return Found([], 0 if unsure else _total(known), not unsure)
        with self._searcher.standing(limit >= MOST) as standing:
            reader = Reader(
                self._searcher, self._normalize, self._asked.most,
                after=after, oldest_first=oldest_first, standing=standing,
            )  # fmt: skip
            return self._filled(reader, limit, after is None, most_tested)

    def _filled(self, reader: Reader, limit: int, is_first: bool, most_tested: int) -> Found:
        hits, answers = reader.read(min(limit + 1, MOST), *self._gap(), total=MOST_COUNTED)
        total, exact = _total(answers[0]), answers[0]["hits"]["total"]["relation"] == "eq"
        unsure = _total(answers[1]) if answers[1:] else 0
        patience = Patience(most_tested, self._progress, unsure)
        found: list[Hit] = []
        while True:
            if unsure:
                patience.spend(len(hits))
                rest = hits[-1].place if hits else None
                hits = [hit for hit in hits if self._meets(hit.event)]
            found += hits
            if len(found) > limit:
                rest, found = found[limit - 1].place, found[:limit]
                break
            if reader.ended:
                rest = None
                break
            if unsure and patience.left <= 0:
                break
            hits, _ = reader.read(MOST if unsure else min(limit + 1 - len(found), MOST))
        after = None if rest is None else (rest[0], "", rest[1])
        if unsure:
            total, exact = len(found), is_first and after is None
        return Found([hit.event for hit in found], total, exact, after)

    def count(self) -> int:
        known, unsure = self._ask(_counting(self._asked.least))
        return _total(known) + (sum(1 for _ in self._tested(unsure)) if unsure else 0)

    def first(self) -> Event | None:
        """Any one event."""
        reader = Reader(self._searcher, self._normalize, self._asked.most)
        while not reader.ended:
            for hit in reader.read(10)[0]:
                if self._meets(hit.event):
                    return hit.event
        return None

    def top(self, name: Name, column: Column, size: int) -> list[tuple[Any, int]]:
        """The commonest values of a field, each counted once an event."""
        take = max(size, _FIRST_TOP)
        tested: list[tuple[Any, int]] | None = None
        while True:
            known, unsure = self._ask(_terms(self._asked.least, column.field, take))
            if tested is None:
                tested = list(self._values(name, unsure).items()) if unsure else []
            counts, whole = _commonest(known, column)
            best = ranking.merge([(tested, True), (counts, whole)], size)
            if (
                best is None and take >= MOST_VALUES
            ):  # more values than the server gives: as good as can be had
                best = ranking.merge([(tested, True), (counts, True)], size)
            if best is not None:
                return [(column.show(value), count) for value, count in best]
            take = MOST_VALUES

    def histogram(self, since: int | None, until: int | None, most: int) -> list[tuple[int, int]]:
        """How many in steps from `since` to `until`, or from the first to the last."""
        least = self._asked.least
        ends = [{**within(least), **ordered(way), "size": 1, "_source": False} for way in (True, False)]
        answers, unsure = self._ask_all(*ends)
        extent = [each["sort"][0] for answer in answers for each in answer["hits"]["hits"]]
        times = [moment(event.timestamp) for event in self._tested(unsure)] if unsure else []
        if not times and not extent:
            return []
        first = since if since is not None else min([*times, *extent])
        last = until - 1 if until is not None else max([*times, *extent])
        steps = buckets.choose(first, last, most)
        counts = [0] * steps.number
        for time in times:
            counts[(time - steps.start) // steps.width] += 1
        for place, count in self._counted(steps) if extent else ():
            counts[place] += count
        return list(zip(steps.starts(), counts, strict=True))

    def _counted(self, steps: Buckets) -> Iterator[tuple[int, int]]:
        """Steps of whole milliseconds, so that `@timestamp`, which has no more, falls into the same ones."""
        width, start = steps.width // 1000, steps.start // 1000
        by_time = {"field": "@timestamp", "fixed_interval": f"{width}ms", "offset": start % width}
        body = {"size": 0, "aggs": {"it": {"date_histogram": {**by_time, "min_doc_count": 1}}}}
        for bucket in self._searcher.ask({**within(self._asked.least), **body})[0]["aggregations"]["it"][
            "buckets"
        ]:
            yield min(max((bucket["key"] - start) // width, 0), steps.number - 1), bucket["doc_count"]

    def _values(self, name: Name, unsure: int) -> Counter[Any]:
        read = read_values(name)
        counted: Counter[Any] = Counter()
        for event in self._tested(unsure):
            counted.update(set(read(event)))
        return counted

    def _ask(self, body: Body) -> tuple[Body, int]:
        answers, unsure = self._ask_all(body)
        return answers[0], unsure

    def _ask_all(self, *bodies: Body) -> tuple[list[Body], int]:
        """The answers of the index, and of how many events it is not sure."""
        answers = self._searcher.ask(*bodies, *self._gap())
        return answers[: len(bodies)], sum(_total(answer) for answer in answers[len(bodies) :])

    def _gap(self) -> list[Body]:
        gap = self._asked.gap
        return [] if gap == NOTHING else [_counting(gap)]

    def _tested(self, unsure: int) -> Iterator[Event]:
        """Of the events that the index is not sure of, those that meet the query."""
        patience = Patience(_ENDLESS, self._progress, unsure)
        patience.spend(0)
        with self._searcher.standing(unsure > MOST) as standing:
            reader = Reader(self._searcher, self._normalize, self._asked.gap, standing=standing)
            while not reader.ended:
                hits, _ = reader.read(MOST)
                yield from (hit.event for hit in hits if self._meets(hit.event))
                patience.spend(len(hits))


def _counting(query: Filter) -> Body:
    return {**within(query), "size": 0, "track_total_hits": True}


def _total(answer: Body) -> int:
    return int(answer["hits"]["total"]["value"])


def _terms(query: Filter, field: str, take: int) -> Body:
    if not field:
        return {**_counting(NOTHING), "aggs": {}}
    terms = {"field": field, "size": take, "shard_size": take, "show_term_doc_count_error": True}
    return {**within(query), "size": 0, "track_total_hits": False, "aggs": {"it": {"terms": terms}}}


def _commonest(answer: Body, column: Column) -> tuple[list[tuple[Any, int]], bool]:
    """Values and counts that are surely right, and whether these are all there are."""
    if not column.field:
        return [], True
    found = answer["aggregations"]["it"]
    right = [
        (column.read(bucket["key"]), bucket["doc_count"])
        for bucket in found["buckets"]
        if bucket["key"] != "" and not bucket["doc_count_error_upper_bound"]  # an empty value is none
    ]
    return right, not found["sum_other_doc_count"] and not found["doc_count_error_upper_bound"]
