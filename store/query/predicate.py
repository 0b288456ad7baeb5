"""Compile a query into a function that says of an event whether it is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from event_model.event import Event
from store.query.ast import All, And, Condition, Exists, Like, Matches, Name, Nested, Not, Or, Phrase, Query
from store.query.matcher import Test, matcher, ready
from store.query.names import holder, reader
from store.query.paths import items
from store.query.words import word_patterns, words


def predicate(query: Query) -> Callable[[Event], bool]:
    """Whether an event meets the query. Compile once, call often."""
    return _Compiler().compile(query)


def read_values(field: Name) -> Callable[[Any], list[Any]]:
    """How to read the values of a field that count, ready to compare (see ast.py)."""
    read, kind = reader(field), field.kind

    def values(event: Any) -> list[Any]:
        found = read(event)
        if found is None or found == "":
            return []
        several = found if isinstance(found, (list, tuple)) else (found,)
        return [ready(value, kind) for value in several if value is not None and value != ""]

    return values


class _Compiler:
    """Of one query: its conditions on a text share the words of the event at hand."""

    def __init__(self) -> None:
        self._texts: dict[str, Callable[[Any], list[str]]] = {}

    def compile(self, query: Query) -> Test:
        match query:
            case All():
                return lambda event: True
            case And(parts):
                return _all_of([self.compile(part) for part in parts])
            case Or(parts):
                return _any_of([self.compile(part) for part in parts])
            case Not(part):
                inner = self.compile(part)
                return lambda event: not inner(event)
            case Nested(field, part):
                return _nested(field, _Compiler().compile(part))
        return self._text(query) if query.field.kind == "text" else _of_values(query)

    def _text(self, condition: Condition) -> Test:
        name = condition.field.name
        if isinstance(condition, Exists):
            read = reader(condition.field)
            return lambda event: bool(read(event))
        if name not in self._texts:
            self._texts[name] = _remembered(reader(condition.field))
        text, meets = self._texts[name], _of_words(condition)
        return lambda event: meets(text(event))


def _remembered(read: Callable[[Any], Any]) -> Callable[[Any], list[str]]:
    last: tuple[Any, list[str]] = (None, [])

    def text(event: Any) -> list[str]:
        nonlocal last
        seen, found = last  # one read: another thread may put its own there
        if seen is not event:
            found = words(read(event) or "")
            last = (event, found)
        return found

    return text


def _of_words(condition: Condition) -> Callable[[list[str]], bool]:
    if isinstance(condition, Phrase):
        return _in_row([_same(word) for word in words(condition.text)])
    if isinstance(condition, Like):
        return _in_row([matcher(Like(condition.field, each)) for each in word_patterns(condition.pattern)])
    if isinstance(condition, Matches):
        return _in_row([matcher(condition)])
    raise TypeError(f"{type(condition).__name__} is no condition on a text")


def _same(wanted: str) -> Test:
    return lambda word: bool(word == wanted)


def _in_row(tests: Sequence[Test]) -> Callable[[list[str]], bool]:
    """Whether words that meet the tests follow one another somewhere; none do where there are no tests."""

    def meets(text: list[str]) -> bool:
        return any(
            all(test(text[place + number]) for number, test in enumerate(tests))
            for place in range(len(text) - len(tests) + 1)
        )

    return meets if tests else lambda text: False


def _all_of(parts: Sequence[Test]) -> Test:
    def meets(event: Any) -> bool:
        for part in parts:  # noqa: SIM110 (twice as fast as all() with a generator)
            if not part(event):
                return False
        return True

    return meets


def _any_of(parts: Sequence[Test]) -> Test:
    def meets(event: Any) -> bool:
        for part in parts:  # noqa: SIM110
            if part(event):
                return True
        return False

    return meets


def _nested(field: Name, inner: Test) -> Test:
    record, path = holder(field), field.path
    return lambda event: any(inner(item) for item in items(record(event), path))


def _of_values(condition: Condition) -> Test:
    test, values = matcher(condition), read_values(condition.field)
    read, is_keyword = reader(condition.field), condition.field.kind == "keyword"

    def meets(event: Any) -> bool:
        found = read(event)
        if found is None:
            return False
        if is_keyword and found.__class__ is str and 0 < len(found) < 1000:  # by far the commonest
            return test(found)
        return any(test(value) for value in values(event))

    return meets
