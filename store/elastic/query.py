"""Compile a query into Elasticsearch's Query DSL: exactly, or as close as the index knows.

Where the index may differ from the event it says so: `tallyman.long` names the fields of which it does not
hold just what the event has, `tallyman.inner` the objects in free records, whose values stand below other
names. Both are rare where they matter, and what they name is tested on the events.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv6Network, ip_network
from typing import Any

from event_model.fields import FIELDS
from store.elastic.fields import (
    ELSEWHERE,
    INNER,
    LONGEST_WORD,
    SPELLED,
    TEXTS,
    TIME,
    WORDS,
    flattened_above,
    unsure,
)
from store.elastic.narrowed import (
    EVERYTHING,
    NOTHING,
    Filter,
    Narrowed,
    all_of,
    any_of,
    every,
    exactly,
    none_of,
    one_of,
    perhaps,
    size,
    some,
    unless,
)
from store.elastic.wildcards import is_simple, like
from store.query.ast import (
    MOST_CHARACTERS,
    NATIVE,
    All,
    And,
    Between,
    Condition,
    Equal,
    Exists,
    Like,
    Name,
    Nested,
    Not,
    Or,
    Phrase,
    Query,
    Within,
)
from store.query.matcher import matcher
from store.query.words import word_patterns, words

MOST_TERMS = 10_000  # values of a field that are looked through for one condition
MOST_DEPTH, MOST_CLAUSES = 20, 400  # servers refuse 30 levels, 1,024 clauses, and ours may double
_LONG = (-(1 << 63), (1 << 63) - 1)
_ID = re.compile(r"[0-9a-f]{40}")
_NOT_EMPTY = {"gt": "", "lte": "\U0010ffff" * 4}  # a key of free records must be given both bounds
_MAPPED = IPv6Network("::ffff:0:0/96")  # IPv4 addresses as IPv6 ones: the server takes both for the same
_CONSTANT = ("ecs.version", "data_stream.type", "data_stream.namespace")  # the same of all events

Values = Callable[[str], "list[Any] | None"]  # the distinct values of a field of the index; None for too many


def narrow(query: Query, types: Mapping[str, str], roots: Sequence[str], values: Values) -> Narrowed:
    """The closest query of the index that misses nothing.

    `types` has the type of every field in the mapping, `roots` are the fields below which native records stand.
    """
    return _Compiler(types, roots, values).compile(query)


def span(since: int | None, until: int | None) -> Filter:
    """Events with since <= time < until (microseconds since 1970)."""
    bounds = {"gte": since, "lt": until}
    told = {name: bound for name, bound in bounds.items() if bound is not None}
    return {"range": {TIME: told}} if told else EVERYTHING


class _Compiler:
    def __init__(self, types: Mapping[str, str], roots: Sequence[str], values: Values) -> None:
        self._types, self._roots, self._values = types, roots, values

    def compile(self, query: Query) -> Narrowed:
        match query:
            case All():
                found = exactly(EVERYTHING)
            case Not(part):
                found = none_of(self.compile(part))
            case And(parts):
                found = all_of(map(self.compile, parts))
            case Or(parts):
                found = any_of(map(self.compile, parts))
            case Nested(field, part):
                found = perhaps(self.compile(_loosely(part, field)).most)
            case _:
                found = self._condition(query)
        depth, clauses = size(found.most)
        return perhaps(EVERYTHING) if depth > MOST_DEPTH or clauses > MOST_CLAUSES else found

    def _condition(self, condition: Condition) -> Narrowed:
        name = condition.field
        if name.root:
            return self._native(condition)
        if name.name in _CONSTANT:
            same = matcher(condition)(FIELDS[name.name].read(None))  # type: ignore[arg-type]
            return exactly(EVERYTHING if same else NOTHING)
        if name.name == "@timestamp":
            return _time(condition)
        if name.name == "tallyman.id" and isinstance(condition, Equal):
            id = str(condition.value)
            return exactly({"ids": {"values": [id]}} if _ID.fullmatch(id) else NOTHING)
        found = unless(self._field(condition), unsure(WORDS.get(name.name, name.name)))
        if name.dataset:
            return all_of([found, exactly(one_of("event.dataset", [name.dataset]))])
        return found

    def _field(self, condition: Condition) -> Narrowed:
        kind, field = condition.field.kind, condition.field.name
        field = ELSEWHERE.get(field, field)
        if isinstance(condition, Exists):
            return exactly(_exists(TEXTS.get(field, field)))
        match kind:
            case "text":
                return _text(condition, WORDS[field])
            case "long":
                return self._long(condition, field)
            case "ip":
                return self._address(condition, field)
            case "date":
                return _date(condition, field)
            case "boolean" if isinstance(condition, Equal):
                return exactly(one_of(field, [condition.value]))
        return self._keyword(condition, field)

    def _keyword(self, condition: Condition, field: str) -> Narrowed:
        match condition:
            case Equal(_, value):
                return exactly(one_of(field, [str(value)[:MOST_CHARACTERS]]))
            case Like(_, pattern) if is_simple(pattern):
                return exactly(like(field, pattern))
            case Between(_, low, high) if low is None or high is None or isinstance(low, str):
                return exactly(_range(condition, field))
        return self._tested(condition, field)

    def _tested(self, condition: Condition, field: str, read: Callable[[Any], Any] = str) -> Narrowed:
        """Test the values there are, as a predicate tests those of an event."""
        there = self._values(field)
        if there is None:
            return perhaps(_exists(field))
        meets = matcher(condition)
        return exactly(one_of(field, (value for value in there if meets(read(value)))))

    def _long(self, condition: Condition, field: str) -> Narrowed:
        match condition:
            case Equal(_, value):
                inside = isinstance(value, int) and _LONG[0] <= value <= _LONG[1]
                return exactly(one_of(field, [value]) if inside else NOTHING)
            case Between():
                low, high = _whole(condition)
                return exactly({"range": {field: {"gte": low, "lte": high}}} if low <= high else NOTHING)
        return self._tested(condition, field, int)

    def _address(self, condition: Condition, field: str) -> Narrowed:
        match condition:
            case Between():
                return exactly(_range(condition, field))
            case Within(_, text):
                network = ip_network(text)
                if isinstance(network, IPv6Network):
                    apart = not network.overlaps(_MAPPED)
                    return exactly(one_of(field, [text])) if apart else perhaps(_exists(field))
                inside = one_of(field, [text])
                return unless(exactly(inside), every([inside, {"prefix": {field + SPELLED: "::ffff:"}}]))
        return self._keyword(condition, field + SPELLED)

    def _native(self, condition: Condition) -> Narrowed:
        """A path in the native record, or in labels: what stands there, and below it."""
        name = condition.field
        roots = self._roots if name.root == NATIVE else [name.root]
        return any_of(self._below(condition, root, name.path) for root in roots)

    def _below(self, condition: Condition, root: str, path: Sequence[str]) -> Narrowed:
        whole = ".".join([root, *path])
        found = [
            self._leaf(_on(condition, field), field)
            for field in self._types
            if field == whole or field.startswith(whole + ".")
        ]
        flat = flattened_above(whole, self._types)
        if flat:
            found.append(self._key(condition, flat, whole))
        return unless(any_of(found), unsure(whole, inside=root))

    def _leaf(self, condition: Condition, field: str) -> Narrowed:
        kind = self._types[field]
        if isinstance(condition, Exists):
            return exactly({"range": {field: _NOT_EMPTY}} if kind == "flattened" else _exists(field))
        if kind == "keyword":
            return self._spelled(condition, field)
        if kind == "flattened":
            return _some_value(condition, field)
        if kind == "long" and isinstance(condition, Equal):
            text = str(condition.value)
            is_long = re.fullmatch("0|-?[1-9][0-9]{0,18}", text) and _LONG[0] <= int(text) <= _LONG[1]
            return exactly(one_of(field, [int(text)]) if is_long else NOTHING)
        return self._tested(condition, field) if kind == "long" else perhaps(_exists(field))

    def _key(self, condition: Condition, flat: str, whole: str) -> Narrowed:
        """A key of a flattened field; there may be more keys below it."""
        below = one_of(INNER, [whole])
        if "*" in whole:  # would be a pattern of names
            return perhaps(_exists(flat))
        if isinstance(condition, Exists):
            return exactly(some([{"range": {whole: _NOT_EMPTY}}, below]))
        any_value = _some_value(condition, flat)
        return unless(self._spelled(condition, whole, keyed=True), every([below, any_value.most]))

    def _spelled(self, condition: Condition, field: str, keyed: bool = False) -> Narrowed:
        """A value of any kind, by its text."""
        match condition:
            case Equal(_, value):
                wanted = value[:MOST_CHARACTERS] if isinstance(value, str) else ""
                return exactly(one_of(field, [wanted]) if wanted else NOTHING)
            case Like(_, pattern):
                found = like(field, pattern)
                if is_simple(pattern) and not (keyed and "wildcard" in found):
                    return exactly(found)
        return self._tested(condition, field)


def _on(condition: Condition, field: str) -> Condition:
    """The same condition on another field of any kind."""
    return dataclasses.replace(condition, field=Name(field, "any", root=field))


def _loosely(part: Query, field: Name) -> Query:
    """What an item of the list at `field` meets, as what the record meets then: no less, perhaps more."""
    match part:
        case And(parts):
            return And(tuple(_loosely(each, field) for each in parts))
        case Or(parts):
            return Or(tuple(_loosely(each, field) for each in parts))
        case All() | Not():  # another item may well have what this one has not
            return All()
    path = (*field.path, *part.field.path)
    there = Name(f"{field.name}.{part.field.name}", "any", root=field.root, path=path)
    return dataclasses.replace(part, field=there)


def _exists(field: str) -> Filter:
    return {"exists": {"field": field}}


def _some_value(condition: Condition, flat: str) -> Narrowed:
    """Any value within a flattened field."""
    match condition:
        case Equal(_, value):
            return exactly(one_of(flat, [str(value)[:MOST_CHARACTERS]]) if value != "" else NOTHING)
        case Like(_, pattern):
            found = like(flat, pattern)
            return perhaps(_exists(flat)) if "wildcard" in found else exactly(found)
    return perhaps(_exists(flat))


def _range(condition: Between, field: str) -> Filter:
    """Texts by their code points, addresses by their bits: the server's order and ours are the same."""
    told: dict[str, Any] = {}
    if condition.low is not None:
        told["gte" if condition.low_counts else "gt"] = condition.low
    if condition.high is not None:
        told["lte" if condition.high_counts else "lt"] = condition.high
    return {"range": {field: told}} if told else _exists(field)


def _whole(condition: Between) -> tuple[int, int]:
    """The whole numbers between the bounds, as far as a `long` goes; both count."""
    low, high = _LONG
    if condition.low is not None:
        least = float(condition.low) if isinstance(condition.low, float) else int(condition.low)
        low = max(low, math.ceil(least) if condition.low_counts else math.floor(least) + 1)
    if condition.high is not None:
        most = float(condition.high) if isinstance(condition.high, float) else int(condition.high)
        high = min(high, math.floor(most) if condition.high_counts else math.ceil(most) - 1)
    return low, high


def _time(condition: Condition) -> Narrowed:
    if isinstance(condition, Exists):
        return exactly(EVERYTHING)
    if isinstance(condition, Between):
        return exactly(_range(condition, TIME))
    return perhaps(EVERYTHING)


def _date(condition: Condition, field: str) -> Narrowed:
    """The index has milliseconds, the events microseconds."""
    if not isinstance(condition, Between):
        return perhaps(_exists(field))
    told: dict[str, Any] = {"format": "epoch_millis"}
    if condition.low is not None:
        told["gte"] = int(condition.low) // 1000
    if condition.high is not None:
        told["lte"] = int(condition.high) // 1000
    return perhaps({"range": {field: told}})


def _text(condition: Condition, field: str) -> Narrowed:
    match condition:
        case Phrase(_, text):
            row = words(text)
            if any(len(word.encode("utf-16-le")) > 2 * LONGEST_WORD for word in row):
                return exactly(NOTHING)  # who has it is listed as unsure
            if len(row) < 2:
                return exactly(one_of(field, row))
            return exactly({"match_phrase": {field: " ".join(row)}})
        case Like(_, pattern):
            row = word_patterns(pattern)
            if not row:
                return exactly(NOTHING)
            found = every(like(field, each) if is_simple(each) else _exists(field) for each in row)
            return exactly(found) if len(row) == 1 and is_simple(row[0]) else perhaps(found)
    return perhaps(_exists(field))
