"""Read Lucene's syntax: `user:alice AND -verb:(get list)`, `code:[400 TO 499]`, `name:/api-.*/`.

    +a -b c          a must be there, b must not     a b           either, as in Lucene
    AND OR NOT       in capitals                     _exists_:f    has any value
    [a TO b] {a TO b}   with and without the ends; * is no end     f:>=400
    f:al?ce*         wildcards                       f:/al.ce/     RE2, for the whole value

`a OR NOT b` is meant as it reads. Fuzzy words and slop (`~`) are refused; boosts (`^`) say nothing here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from event_model.errors import QueryError
from store.query import names, values
from store.query.ast import All, Exists, Matches, Name, Query, both, either, negate
from store.query.limits import check_limits
from store.query.values import Literal

_PLACE = re.compile(r"at position (\d+)")
_SIGNS = {"&&": "AND", "||": "OR", "!": "NOT"}


def parse_lucene(text: str, *, now: datetime | None = None) -> Query:
    """The query that the text means, with relative times counted from `now`. Raises QueryError."""
    check_limits(text)
    if not text.strip():
        return All()
    return _Builder(text, now or datetime.now(UTC)).build(_tree(text), None)


def _tree(text: str) -> Any:
    from luqum.exceptions import ParseError
    from luqum.thread import parse

    try:
        return parse(text)
    except ParseError as error:
        message = str(error)
        place = _PLACE.search(message)
        if not place:
            raise QueryError("the search ends too early", text, len(text.rstrip())) from None
        column = int(place[1])
        if text[column] == '"':
            raise QueryError("this quotation mark is never closed", text, column) from None
        raise QueryError(f"{text[column]!r} can't stand here", text, column) from None


class _Builder:
    """From luqum's tree of one text to its query."""

    def __init__(self, text: str, now: datetime) -> None:
        self._text, self._now = text, now

    def build(self, node: Any, field: tuple[str, Name] | None) -> Query:
        """`field`: the name as typed and the field that the conditions below are about, if it is named."""
        match type(node).__name__:
            case "AndOperation":
                return both(self.build(part, field) for part in node.children)
            case "OrOperation" | "UnknownOperation" | "BoolOperation":
                return self._any(node, field)
            case "Not" | "Prohibit":
                return negate(self.build(node.a, field))
            case "Plus" | "Group" | "FieldGroup" | "Boost":
                return self.build(node.children[0], field)
            case "SearchField":
                return self._named(node, field)
            case "Range" | "From" | "To":
                return self._range(node, field)
            case "Regex":
                return self._regex(node, field)
            case "Word" | "Phrase":
                return self._value(node, field)
        raise self._error("fuzzy words and slop (~) are not understood here", node)

    def _any(self, node: Any, field: tuple[str, Name] | None) -> Query:
        """Lucene's way: what has a plus must be there, what has a minus must not; else any of the rest."""
        refusing = ("Prohibit",) if type(node).__name__ == "OrOperation" else ("Prohibit", "Not")
        must: list[Query] = []
        rest: list[Query] = []
        for part in node.children:
            kind = type(part).__name__
            (must if kind == "Plus" or kind in refusing else rest).append(self.build(part, field))
        if rest and not any(type(part).__name__ == "Plus" for part in node.children):
            must.insert(0, either(rest))
        return both(must)

    def _named(self, node: Any, field: tuple[str, Name] | None) -> Query:
        typed = values.plain(node.name)
        if field is not None:
            raise self._error('quote a value that holds a colon: name:"a:b"', node)
        if typed == "_exists_":
            return Exists(self._resolve(values.plain(str(node.expr.value)), node.expr))
        if typed == "*" and str(node.expr) == "*":
            return All()
        return self.build(node.expr, (typed, self._resolve(typed, node)))

    def _resolve(self, typed: str, node: Any) -> Name:
        try:
            return names.resolve(typed)
        except LookupError as error:
            raise self._error(str(error.args[0]), node) from None

    def _range(self, node: Any, field: tuple[str, Name] | None) -> Query:
        if field is None:
            raise self._error("a range needs a field: code:[400 TO 499]", node)
        match type(node).__name__:
            case "From":
                low, high, counts = self._bound(node.a), None, (node.include, True)
            case "To":
                low, high, counts = None, self._bound(node.a), (True, node.include)
            case _:
                low, high = self._bound(node.low), self._bound(node.high)
                counts = (node.include_low, node.include_high)
        try:
            return values.between(field[1], low, high, counts, self._now)
        except ValueError as error:
            raise self._error(str(error), node) from None

    def _bound(self, node: Any) -> str | None:
        literal = self._literal(node)
        return None if literal.pattern == "*" else literal.text

    def _regex(self, node: Any, field: tuple[str, Name] | None) -> Query:
        regex = node.value[1:-1].replace("\\/", "/")
        try:
            _check_regex(regex)
        except ValueError as error:
            raise self._error(f"not a regular expression of RE2: {error}", node) from None
        if field is None:
            return either(Matches(names.resolve(name), regex) for name in ("message", *values.ANYWHERE))
        if field[1].kind in ("date", "boolean"):
            raise self._error(f"{field[1].name} takes no regular expression", node)
        return Matches(field[1], regex)

    def _value(self, node: Any, field: tuple[str, Name] | None) -> Query:
        sign = next((sign for sign in _SIGNS if str(node.value).startswith(sign)), None)
        if sign:
            raise self._error(f"write {_SIGNS[sign]} in place of {sign}", node)
        literal = self._literal(node)
        if field is None:
            return values.anywhere(literal, self._now)
        try:
            return values.condition(field[0], field[1], literal, self._now)
        except ValueError as error:
            raise self._error(str(error), node) from None

    def _literal(self, node: Any) -> Literal:
        value = str(node.value)
        if type(node).__name__ == "Phrase":
            return Literal(values.plain(value[1:-1]), node.pos, quoted=True)
        pattern = value if values.has_wildcard(value) else None
        return Literal(values.plain(value), node.pos, pattern=pattern)

    def _error(self, message: str, node: Any) -> QueryError:
        return QueryError(message, self._text, node.pos or 0)


def _check_regex(regex: str) -> None:
    import re2

    options = re2.Options()
    options.log_errors = False  # it would write to stderr
    try:
        re2.compile(regex, options)
    except re2.error as error:
        raise ValueError(error.args[0].decode() if isinstance(error.args[0], bytes) else error) from None
