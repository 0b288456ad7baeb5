"""Read documents in order, however many there are, and make the events of them again."""

from __future__ import annotations

import base64

from msgspec import Struct

from event_model.event import Event, Origin, Record
from store.block import Entry
from store.building import Normalize
from store.elastic.fields import ORDER, TIME
from store.elastic.narrowed import Filter
from store.elastic.searcher import Body, Lost, Searcher, within
from store.times import micros

MOST = 1000  # documents in one answer, each with its record
SOURCE = [
    "event.original",
    *(f"tallyman.{name}" for name in ("raw", "origin", "record_offset", "digest", "received", "dead_reason")),
]
Place = tuple[int, int]  # (time, order): orders all documents


class Hit(Struct, frozen=True):
    place: Place
    event: Event


def entry_of(source: Body) -> Entry:
    """The entry of the journal that a document was made of; its place there is not known any more."""
    ours = source["tallyman"]
    original = source.get("event", {}).get("original")
    raw = base64.b64decode(ours.get("raw", "")) if original is None else original.encode()
    record = Record(raw, ours["record_offset"], ours.get("digest", ""))
    return Entry(
        "", 0, record, Origin(**ours["origin"]), micros(ours["received"]) / 1e6, ours.get("dead_reason", "")
    )


def ordered(oldest_first: bool) -> Body:
    """By time, and by id within one time."""
    order = "asc" if oldest_first else "desc"
    return {"sort": [{field: {"order": order, "unmapped_type": "long"}} for field in (TIME, ORDER)]}


class Reader:
    """Reads what meets a query behind a place, piece by piece, each document once.

    With `standing` (see Searcher) they are read as they were at one point in time, as long as that lasts.
    """

    def __init__(
        self,
        searcher: Searcher,
        normalize: Normalize,
        query: Filter,
        *,
        after: Place | None = None,
        oldest_first: bool = False,
        standing: Body | None = None,
    ) -> None:
        self._searcher, self._normalize = searcher, normalize
        self._body = {**within(query), **ordered(oldest_first), "_source": SOURCE}
        self._point = dict(standing or {})
        self._behind: list[int] | None = None if after is None else list(after)
        self._last: set[str] = set()  # ids: copies of one document stand side by side
        self.ended = False

    def read(self, size: int, *besides: Body, total: int | bool = False) -> tuple[list[Hit], list[Body]]:
        """The next documents, `size` at most, and the answers; those to other searches made by the way are behind.

        `total`: up to how many are counted in all, True for all of them.
        """
        body = {**self._body, **self._point, "size": size, "track_total_hits": total}
        if self._behind is not None:
            body["search_after"] = self._behind
        try:
            answers = self._searcher.ask(body, *besides)
        except Lost:
            self._point, self._behind = {}, self._behind and self._behind[:2]
            return self.read(size, *besides, total=total)  # goes on with what is there now
        found = answers[0]["hits"]["hits"]
        self.ended = len(found) < size
        return [self._hit(each) for each in self._fresh(found)], answers

    def _fresh(self, found: list[Body]) -> list[Body]:
        fresh = {each["_id"]: each for each in found if each["_id"] not in self._last}
        if found:
            self._behind, self._last = found[-1]["sort"], {each["_id"] for each in found}
        return list(fresh.values())

    def _hit(self, found: Body) -> Hit:
        time, order = found["sort"][:2]
        return Hit((time, order), self._normalize(entry_of(found["_source"])))
