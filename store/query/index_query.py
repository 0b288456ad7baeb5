"""Compile a query for the embedded index: exactly, or as close as the index knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_network
from itertools import takewhile
from typing import Any, NamedTuple

from tantivy import FieldType, Occur
from tantivy import Query as Tantivy

from store.columns import BY_NAME, HASH, TIME, Column, short_hash
from store.query.ast import (
    MOST_CHARACTERS,
    All,
    And,
    Between,
    Condition,
    Equal,
    Exists,
    Like,
    Nested,
    Not,
    Or,
    Phrase,
    Query,
    Within,
)
from store.query.matcher import matcher
from store.query.values import characters
from store.query.words import word_patterns, words

MOST_TERMS = 50_000  # values of a field that are looked through for one condition
_ID = "tallyman.id"


class Narrowed(NamedTuple):
    """What to ask the index; unless it is exact, its answers must still be tested."""

    query: Any
    exact: bool


def narrow(query: Query, schema: Any, searcher: Any) -> Narrowed:
    """The closest query of the index that misses nothing. `searcher` is asked for the values there are."""
    return _Compiler(schema, searcher).compile(query, wanted=True)


_ALL = Narrowed(Tantivy.all_query(), True)
_PERHAPS = Narrowed(Tantivy.all_query(), False)  # the index does not know
_NONE = Narrowed(Tantivy.empty_query(), True)


class _Compiler:
    def __init__(self, schema: Any, searcher: Any) -> None:
        self._schema, self._searcher = schema, searcher

    def compile(self, query: Query, wanted: bool) -> Narrowed:
        """With `wanted` False, what does not meet the query: `not` is pushed down to the conditions."""
        match query:
            case All():
                return _ALL if wanted else _NONE
            case Not(part):
                return self.compile(part, not wanted)
            case And(parts) | Or(parts):
                found = [self.compile(part, wanted) for part in parts]
                return _every(found) if isinstance(query, And) is wanted else _some(found)
            case Nested():
                return _PERHAPS
        found_one = self._condition(query)
        if wanted:
            return found_one
        return _without(found_one.query) if found_one.exact else _PERHAPS

    def _condition(self, condition: Condition) -> Narrowed:
        field = condition.field
        found = self._plain(condition, BY_NAME.get(field.name))
        if field.dataset:
            dataset = BY_NAME["event.dataset"]
            return _every([found, Narrowed(self._term(dataset, field.dataset), True)])
        return found

    def _plain(self, condition: Condition, column: Column | None) -> Narrowed:
        if condition.field.name == "@timestamp":
            return self._time(condition)
        if condition.field.name == _ID and isinstance(condition, Equal):
            return self._id(str(condition.value))
        if column is None or condition.field.root:
            return _PERHAPS
        return self._text(condition, column) if column.is_text else self._keyword(condition, column)

    def _time(self, condition: Condition) -> Narrowed:
        if isinstance(condition, Exists):
            return _ALL
        if not isinstance(condition, Between):
            return _PERHAPS
        return Narrowed(
            time_range(
                self._schema, condition.low, condition.high, condition.low_counts, condition.high_counts
            ),
            True,
        )

    def _id(self, id: str) -> Narrowed:
        if not re.fullmatch(r"[0-9a-f]{40}", id):
            return _NONE
        hash = short_hash(id)
        return Narrowed(Tantivy.range_query(self._schema, HASH, FieldType.Unsigned, hash, hash), False)

    def _keyword(self, condition: Condition, column: Column) -> Narrowed:
        match condition:
            case Exists():
                if column.fast:
                    return Narrowed(Tantivy.exists_query(column.key), True)
                return self._regex(column.key, "*")
            case Equal(_, value):
                return Narrowed(self._term(column, str(value)[:MOST_CHARACTERS]), True)
            case Like(_, pattern):
                return self._regex(column.key, pattern)
        return self._terms(condition, column)

    def _text(self, condition: Condition, column: Column) -> Narrowed:
        match condition:
            case Phrase(_, text):
                row: list[str | tuple[int, str]] = [*words(text)]
                if not row:
                    return _NONE
                if len(row) == 1:
                    return Narrowed(self._term(column, str(row[0])), True)
                return Narrowed(Tantivy.phrase_query(self._schema, column.key, row), True)
            case Like(_, pattern):
                patterns = word_patterns(pattern)
                if not patterns:
                    return _NONE
                found = _every(self._regex(column.key, each) for each in patterns)
                return found if len(patterns) == 1 else Narrowed(found.query, False)
        return _PERHAPS

    def _term(self, column: Column, value: str) -> Any:
        return Tantivy.term_query(self._schema, column.key, value, "basic")

    def _regex(self, key: str, pattern: str) -> Narrowed:
        try:
            return Narrowed(Tantivy.regex_query(self._schema, key, _as_regex(pattern)), True)
        except ValueError:  # too long for its automaton
            return _PERHAPS

    def _terms(self, condition: Condition, column: Column) -> Narrowed:
        """Test the values there are, as a predicate tests those of an event."""
        terms = self._searcher.terms_with_prefix(column.key, _prefix(condition), limit=MOST_TERMS + 1)
        if len(terms) > MOST_TERMS:
            return _PERHAPS
        test = matcher(condition)
        read: Callable[[str], Any] = int if column.field.kind == "long" else str
        met = [term for term, _ in terms if test(read(term))]
        return Narrowed(Tantivy.term_set_query(self._schema, column.key, met), True) if met else _NONE


def time_range(schema: Any, low: Any, high: Any, low_counts: bool = True, high_counts: bool = True) -> Any:
    """Times (microseconds since 1970) from `low` to `high`; None is no bound."""
    if low is None and high is None:
        return Tantivy.all_query()
    return Tantivy.range_query(
        schema, TIME, FieldType.Integer, low, high, low_counts or low is None, high_counts or high is None
    )


def every(queries: Iterable[Any]) -> Any:
    """What meets all of these queries of the index."""
    return Tantivy.boolean_query([(Occur.Must, query) for query in queries])


def _every(parts: Iterable[Narrowed]) -> Narrowed:
    parts = list(parts)
    telling = [part.query for part in parts if part.exact or part.query is not _PERHAPS.query]
    return Narrowed(every(telling) if telling else _ALL.query, all(part.exact for part in parts))


def _some(parts: list[Narrowed]) -> Narrowed:
    if not parts:
        return _NONE
    if any(part is _PERHAPS for part in parts):
        return _PERHAPS
    query = Tantivy.boolean_query([(Occur.Should, part.query) for part in parts])
    return Narrowed(query, all(part.exact for part in parts))


def _without(query: Any) -> Narrowed:
    return Narrowed(Tantivy.boolean_query([(Occur.Must, _ALL.query), (Occur.MustNot, query)]), True)


def _as_regex(pattern: str) -> str:
    return "".join(
        "(?s:.)*"
        if char == "*" and not escaped
        else "(?s:.)"
        if char == "?" and not escaped
        else _literal(char)
        for char, escaped in characters(pattern)
    )


def _literal(char: str) -> str:
    return "\\" + char if char in r"\.+*?()|[]{}^$#&-~" else char


def _prefix(condition: Condition) -> str:
    """What every value that can meet the condition begins with."""
    if isinstance(condition, Between) and isinstance(condition.low, str) and isinstance(condition.high, str):
        return "" if condition.field.kind == "ip" else "".join(_common(condition.low, condition.high))
    if isinstance(condition, Within) and ip_network(condition.network).version == 4:
        network = ip_network(condition.network)
        same = _common(str(network[0]).split("."), str(network[-1]).split("."))
        return ".".join(same) + ("." if 0 < len(same) < 4 else "")
    return ""


def _common(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """The items that both begin with."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return [item for item, _ in pairs]
