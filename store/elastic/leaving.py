"""Make a journal of what is in a cluster: the records as they were read, their origins, and why some are dead letters.

    cluster ─► documents by the time they were received ─► batches as sources had made them ─► journal

How far it has come stands in the journal itself, in the block of the records that it is about: what was copied
once is there once, however often it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from msgspec.structs import astuple

from event_model.event import Origin
from event_model.parts import Batch
from store.elastic.hits import SOURCE, entry_of
from store.elastic.searcher import Body, Lost, Searcher
from store.fingerprint import Fingerprint, span, value
from store.journal import Entry, Journal

PIECE = 1000  # documents of one answer, each with its record
_RECEIVED, _ORDER, _TIME = "tallyman.received", "tallyman.order", "tallyman.time"
Sort = list[Any]


def leave(searcher: Searcher, journal: Journal, key: str, copied: Callable[[int], None]) -> int:
    """Append to a journal what it has not got of the cluster under this key; how many records that were.

    `copied` is told of them as they come. Raises StoreError.
    """
    at, done = _position(journal, key)
    number = 0
    for received, found in units(searcher, _since(at)):
        done = done if received == at else []
        for origin, group in _groups(found.values()):
            if origin in done:
                continue
            done = [*done, origin]
            journal.append(_batch(group, key, [received, done]), {})
            number += len(group)
            copied(len(group))
        at = received
    journal.sync()
    return number


def leave_late(
    searcher: Searcher, journal: Journal, key: str, day: str, known: set[int], copied: Callable[[int], None]
) -> int:
    """Append what came behind the back of `leave`: the events of a day such as `2026-11-23` that were received no later
    than what it copied last, and whose `fingerprint.value` is not `known`; how many records that were.

    Raises StoreError.
    """
    at, done = position = _position(journal, key)  # which stays where it is
    begin, end = span(day)
    number, seen = 0, set(known)
    for received, found in units(searcher, {"range": {_TIME: {"gte": begin, "lt": end}}}):
        if at is None or received > at:
            break  # that is for `leave`
        values = {id: value(id, entry.record.hash()) for id, entry in found.items()}
        for origin, group in _groups(entry for id, entry in found.items() if values[id] not in seen):
            if received == at and origin not in done:
                continue
            journal.append(_batch(group, key, position), {})
            number += len(group)
            copied(len(group))
        seen.update(values.values())
    journal.sync()
    return number


def units(searcher: Searcher, query: Body) -> Iterator[tuple[int, dict[str, Entry]]]:
    """What a query finds, by id: all that was received in the same millisecond (since 1970) at once, in order of time."""
    body = {"query": query, "_source": SOURCE, "size": PIECE}
    for received, hits in groupby(scan(searcher, body, _RECEIVED), lambda hit: hit["sort"][0]):
        # one may stand in two indices
        yield int(received), {hit["_id"]: entry_of(hit["_source"]) for hit in hits}


def _position(journal: Journal, key: str) -> list[Any]:
    """The last millisecond that was copied, and the origins of which it was."""
    return list(journal.positions.get(key) or [None, []])


def _since(received: int | None) -> Body:
    if received is None:
        return {"match_all": {}}
    return {"range": {_RECEIVED: {"gte": received, "format": "epoch_millis"}}}


def scan(searcher: Searcher, body: Body, first: str) -> Iterator[Body]:
    """Every document that a search finds, in the order of a field, as they are at one moment as long as that can be had."""
    sort = [{field: {"order": "asc", "unmapped_type": "long"}} for field in (first, _ORDER)]
    behind: Sort | None = None
    with searcher.standing(True) as standing:
        point = dict(standing)
        while True:
            asked = {**body, **point, "sort": sort, "track_total_hits": False}
            try:
                [answer] = searcher.ask(asked if behind is None else {**asked, "search_after": behind})
            except Lost:
                point, behind = {}, behind and behind[:2]  # on with what is there now
                continue
            hits = answer["hits"]["hits"]
            yield from hits
            if len(hits) < body["size"]:
                return
            behind = hits[-1]["sort"]


def fingerprint(searcher: Searcher, read: Callable[[int], None]) -> Fingerprint:
    """Of all events in the cluster; `read` is told of how many as they come."""
    found = Fingerprint()
    body = {
        "query": {"match_all": {}},
        "_source": False,
        "docvalue_fields": ["event.hash", _TIME],
        "size": 10_000,
    }
    for hit in scan(searcher, body, _TIME):
        fields = hit["fields"]
        found.add(int(fields[_TIME][0]), hit["_id"], fields["event.hash"][0])
        read(1)
    return found


def _groups(entries: Iterable[Entry]) -> Iterator[tuple[list[Any], list[Entry]]]:
    """The entries by where they come from and when they were received exactly, each in the order read."""

    def whence(entry: Entry) -> list[Any]:
        return [*astuple(entry.origin), entry.received]

    ordered = sorted(entries, key=lambda entry: (whence(entry), entry.record.offset))
    for origin, group in groupby(ordered, whence):
        yield origin, list(group)


def _batch(entries: list[Entry], key: str, position: Any) -> Batch:
    origin: Origin = entries[0].origin
    records = [entry.record for entry in entries if not entry.reason]
    dead = [(entry.record, entry.reason) for entry in entries if entry.reason]
    return Batch(origin, records, key, position, entries[0].received, dead)
