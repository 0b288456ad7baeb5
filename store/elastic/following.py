"""Follow a cluster as it is written, from any machine, by the time at which documents were made."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from event_model.event import Event
from store.building import Normalize
from store.elastic.fields import ORDER
from store.elastic.hits import SOURCE, entry_of
from store.elastic.narrowed import Filter, one_of
from store.elastic.searcher import Body, Searcher, within

MOST = 500  # events at one look
OVERLAP = 30_000  # milliseconds in which a document may come later than others that were made after it
AGAIN = 5_000  # milliseconds before a place that are told again, for what was late during the break
MOST_SEEN = 50_000  # documents that are known to have been told; with more, the overlap is shorter
LOOK_EVERY = 1.0  # seconds: indices are refreshed no more often
_PAGE = 5_000
_INGESTED = "event.ingested"
Place = tuple[str, int]  # milliseconds since 1970 as digits, order
Made = tuple[int, int]  # the same as numbers


@dataclass(slots=True)
class Follower:
    """A reader that stands behind `place`; each document is told once, late ones too, within `OVERLAP`."""

    searcher: Searcher
    normalize: Normalize
    at: Made
    gone: bool = False  # a cluster does not tell what it has deleted
    clock: Callable[[], float] = time.monotonic
    _seen: dict[Made, None] = field(default_factory=dict)  # told, not older than `_begin`
    _begin: int = 0
    _due: float = float("-inf")

    @property
    def place(self) -> Place:
        return str(self.at[0]) if self.at[0] else "", self.at[1]

    def look(self) -> list[tuple[Place, Event]]:
        """The next events that have come, each with its place; none where nothing has come."""
        if self.clock() < self._due:
            return []
        ahead = {**_ordered("asc"), **self._after(), "size": MOST, "_source": SOURCE}
        answer, behind = self.searcher.ask({**within(self._ahead()), **ahead}, _counting(self._window()))
        found = [self._take(hit) for hit in answer["hits"]["hits"] if _made(hit) not in self._seen]
        late = behind["hits"]["total"]["value"] > len(self._seen) - len(found)
        if len(found) < MOST and late:
            found = [*self._late(), *found]
        if not found:
            self._due = self.clock() + LOOK_EVERY
        self._forget()
        return found

    def _ahead(self) -> Filter:
        return {"range": {_INGESTED: {"gte": self.at[0], "format": "epoch_millis"}}}

    def _after(self) -> Body:
        return {"search_after": list(self.at)} if self.at[0] else {}

    def _window(self) -> Filter:
        bounds = {"gte": self._begin, "lte": self.at[0], "format": "epoch_millis"}
        return {"range": {_INGESTED: bounds}}

    def _take(self, hit: Body) -> tuple[Place, Event]:
        made = _made(hit)
        self.at = max(self.at, made)
        self._seen[made] = None
        return self.place, self.normalize(entry_of(hit["_source"]))

    def _late(self) -> list[tuple[Place, Event]]:
        """What came into the window after others that were made later; `place` stays."""
        there = _listed(self.searcher, self._window(), MOST_SEEN)
        missing = [made for made in there if made not in self._seen and made <= self.at][:MOST]
        if not missing:
            return []
        wanted = one_of(ORDER, (order for _, order in missing))
        body = {**within(self._window(), wanted), **_ordered("asc"), "size": MOST, "_source": SOURCE}
        hits = self.searcher.ask(body)[0]["hits"]["hits"]
        return [self._take(hit) for hit in hits if _made(hit) not in self._seen]

    def _forget(self) -> None:
        """What is too old to be late, or too much to be remembered."""
        begin = max(self._begin, self.at[0] - OVERLAP)
        if len(self._seen) > MOST_SEEN:
            begin = max(begin, sorted(self._seen)[-MOST_SEEN][0] + 1)
        if begin > self._begin:
            self._begin = begin
            self._seen = {made: None for made in self._seen if made[0] >= begin}


def follower(searcher: Searcher, normalize: Normalize, place: Place | None = None) -> Follower:
    """A reader of what comes behind a place, or from now on."""
    if place is not None and place[0].isdecimal():
        at = int(place[0]), place[1]
        return _knowing(Follower(searcher, normalize, at), at[0] - AGAIN)
    if place is not None:  # of another store, or of an empty one
        return Follower(searcher, normalize, (0, -1))
    newest = searcher.ask({**_ordered("desc"), "size": 1, "_source": False})[0]["hits"]["hits"]
    if not newest:
        return Follower(searcher, normalize, (0, -1))
    at = _made(newest[0])
    return _knowing(Follower(searcher, normalize, at), at[0] + 1)


def _knowing(reader: Follower, until: int) -> Follower:
    """The reader, with what was made before `until` taken as told."""
    reader._begin = max(0, reader.at[0] - OVERLAP)
    told = _listed(reader.searcher, reader._window(), MOST_SEEN + 1)
    if len(told) > MOST_SEEN:
        reader._begin = told[-1][0] + 1
    reader._seen = {
        made: None for made in reversed(told) if reader._begin <= made[0] < until and made <= reader.at
    }
    return reader


def _listed(searcher: Searcher, query: Filter, most: int) -> list[Made]:
    """The newest documents that meet the query, without what is in them."""
    found: list[Made] = []
    body = {**within(query), **_ordered("desc"), "size": min(_PAGE, most), "_source": False}
    while len(found) < most:
        hits = searcher.ask(body)[0]["hits"]["hits"]
        found += [_made(hit) for hit in hits]
        if len(hits) < body["size"]:
            break
        body["search_after"] = hits[-1]["sort"]
    return found[:most]


def _ordered(order: str) -> Body:
    fields = {_INGESTED: "date", ORDER: "long"}
    return {"sort": [{field: {"order": order, "unmapped_type": kind}} for field, kind in fields.items()]}


def _counting(query: Filter) -> Body:
    return {**within(query), "size": 0, "track_total_hits": True}


def _made(hit: Any) -> Made:
    moment, order = hit["sort"][:2]
    return moment, order
