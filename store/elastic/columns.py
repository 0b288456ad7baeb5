"""Which field of the index counts the values of a field of the query language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from store.elastic.fields import ELSEWHERE, INNER, SPELLED, TIME, flattened_above, unsure
from store.elastic.narrowed import EVERYTHING, Filter, one_of
from store.query.ast import NATIVE, Name
from store.times import rfc3339


class Column(Struct, frozen=True):
    """Where values are counted. Of documents that meet one of `doubts` the events must be asked."""

    field: str  # empty: the index does not count them
    doubts: tuple[Filter, ...]
    read: Callable[[Any], Any] = str  # a bucket's key as conditions compare it
    show: Callable[[Any], Any] = lambda value: value  # what people are shown


_BY_EVENTS = Column("", (EVERYTHING,))


def _same(value: Any) -> Any:
    return value


def column(name: Name, types: Mapping[str, str]) -> Column:
    """The column of a field of the query language."""
    if name.root:
        return _free(name, types)
    field = ELSEWHERE.get(name.name, name.name)
    doubts = (unsure(name.name),)
    match name.kind:
        case "date" if field == "@timestamp":
            return Column(TIME, (), int, rfc3339)
        case "date":
            return Column("", (EVERYTHING,), show=rfc3339)
        case "ip":
            return Column(field + SPELLED, doubts)
        case "long":
            return Column(field, doubts, int)
        case "boolean":
            return Column(field, doubts, bool)
        case "keyword" if types.get(field) == "keyword":
            return Column(field, doubts)
    return _BY_EVENTS


def _free(name: Name, types: Mapping[str, str]) -> Column:
    if name.root == NATIVE:
        return _BY_EVENTS
    whole = ".".join([name.root, *name.path])
    doubts = (unsure(whole, inside=name.root),)
    if types.get(whole) in ("keyword", "flattened", "long"):
        return Column(whole, doubts)
    if flattened_above(whole, types):
        return Column(whole, (*doubts, one_of(INNER, [whole])))
    return _BY_EVENTS
