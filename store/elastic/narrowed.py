"""What an index can say of a condition: whom it is sure of, and whom it must ask the events about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

Filter = dict[str, Any]  # a query of the Query DSL
EVERYTHING: Filter = {"match_all": {}}
NOTHING: Filter = {"match_none": {}}


class Narrowed(Struct, frozen=True):
    """A condition as filters of the index.

    Of a document that meets none of `doubts`, `query` says just what the event would say. Whatever the event
    would say yes to meets `most`.
    """

    query: Filter
    most: Filter
    doubts: tuple[Filter, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether the index alone can answer."""
        return not self.doubts

    @property
    def least(self) -> Filter:
        """Those that the index is sure of."""
        return every([self.query, without(some(self.doubts))])

    @property
    def gap(self) -> Filter:
        """Those whose events must be tested."""
        return every([self.most, some(self.doubts)])


def exactly(query: Filter) -> Narrowed:
    return Narrowed(query, query)


def perhaps(most: Filter) -> Narrowed:
    """Nothing but these, and which of them the index can't tell."""
    return exactly(NOTHING) if most == NOTHING else Narrowed(NOTHING, most, (most,))


def unless(found: Narrowed, doubt: Filter) -> Narrowed:
    """The same, but not to be trusted where `doubt` is met."""
    return Narrowed(found.query, some([found.most, doubt]), _together([found.doubts, (doubt,)]))


def all_of(parts: Iterable[Narrowed]) -> Narrowed:
    parts = list(parts)
    doubts = _together(part.doubts for part in parts)
    return Narrowed(every(part.query for part in parts), every(part.most for part in parts), doubts)


def any_of(parts: Iterable[Narrowed]) -> Narrowed:
    parts = list(parts)
    doubts = _together(part.doubts for part in parts)
    return Narrowed(some(part.query for part in parts), some(part.most for part in parts), doubts)


def none_of(part: Narrowed) -> Narrowed:
    return Narrowed(without(part.query), without(part.least), part.doubts)


def every(filters: Iterable[Filter]) -> Filter:
    """What meets all of them, as flat as it can be said: servers bound how deep a query goes."""
    must: list[Filter] = []
    must_not: list[Filter] = []
    for each in filters:
        told = each.get("bool", {})
        if told and told.keys() <= {"filter", "must_not"}:
            must += told.get("filter", [])
            must_not += told.get("must_not", [])
        elif each != EVERYTHING:
            must.append(each)
    if NOTHING in must:
        return NOTHING
    must, must_not = _distinct(must), _distinct(must_not)
    if len(must) == 1 and not must_not:
        return must[0]
    parts = {name: part for name, part in (("filter", must), ("must_not", must_not)) if part}
    return {"bool": parts} if parts else EVERYTHING


def some(filters: Iterable[Filter]) -> Filter:
    """What meets any of them; several values of one field are asked for at once."""
    found: list[Filter] = []
    values: dict[str, list[Any]] = {}
    for each in filters:
        if each == EVERYTHING:
            return EVERYTHING
        told = each.get("bool", {})
        for part in told.get("should", [each]):
            if "term" in part or "terms" in part:
                ((field, wanted),) = (part.get("term") or part["terms"]).items()
                values.setdefault(field, []).extend(wanted if "terms" in part else [wanted])
            elif part != NOTHING:
                found.append(part)
    found += [one_of(field, wanted) for field, wanted in values.items()]
    found = _distinct(found)
    if len(found) < 2:
        return found[0] if found else NOTHING
    return {"bool": {"should": found, "minimum_should_match": 1}}


def without(part: Filter) -> Filter:
    if part == NOTHING:
        return EVERYTHING
    return NOTHING if part == EVERYTHING else {"bool": {"must_not": [part]}}


def one_of(field: str, values: Iterable[Any]) -> Filter:
    wanted = list(dict.fromkeys(values))
    if len(wanted) == 1:
        return {"term": {field: wanted[0]}}
    return {"terms": {field: wanted}} if wanted else NOTHING


def size(part: Filter) -> tuple[int, int]:
    """How deep a filter goes, and how many conditions it has."""
    told = part.get("bool")
    if told is None:
        return 0, 1
    parts = [size(each) for key in ("filter", "should", "must_not") for each in told.get(key, [])]
    return 1 + max(depth for depth, _ in parts), sum(number for _, number in parts)


def _together(doubts: Iterable[tuple[Filter, ...]]) -> tuple[Filter, ...]:
    return tuple(_distinct([each for some in doubts for each in some]))


def _distinct(filters: list[Filter]) -> list[Filter]:
    return list({repr(each): each for each in filters}.values())
