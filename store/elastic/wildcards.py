"""Say a pattern with `*` and `?` in Elasticsearch's words."""

from __future__ import annotations

from store.elastic.narrowed import Filter
from store.query.values import characters, escape

MOST_EFFORT = 50_000  # the server refuses an automaton that is harder to make than twice this


def like(field: str, pattern: str) -> Filter:
    """The filter for a pattern (see ast.Like): the cheapest kind that says it."""
    found = characters(pattern)
    if not any(_is_wild(each) for each in found):
        return {"term": {field: "".join(char for char, _ in found)}}
    begin = next(place for place, each in enumerate(found) if _is_wild(each))
    if begin and all(each == ("*", False) for each in found[begin:]):
        return {"prefix": {field: "".join(char for char, _ in found[:begin])}}
    wild = "".join(char if _is_wild((char, escaped)) else escape(char) for char, escaped in found)
    return {"wildcard": {field: {"value": "?*" if wild.strip("*") == "" else wild}}}  # no value is empty


def is_simple(pattern: str) -> bool:
    """Whether the server can make an automaton of it: each `?` behind a `*` may double its states."""
    found = characters(pattern)
    stars = [place for place, each in enumerate(found) if each == ("*", False)]
    if not stars or stars[0] == len(found) - len(stars):  # none, or all at the end
        return True
    behind = found[stars[0] :]
    return len(behind) ** 2 << sum(each == ("?", False) for each in behind) <= MOST_EFFORT


def _is_wild(each: tuple[str, bool]) -> bool:
    char, escaped = each
    return char in "*?" and not escaped
