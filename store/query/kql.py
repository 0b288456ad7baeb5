"""Read KQL, as typed in Kibana: `user:alice and not verb:(get or list)`.

    user:alice                      the value of a field          user:"alice smith"   as a whole
    name:api-*   name:*             wildcard; has any value       code >= 400          also > < <=
    ns:(prod or stage)              one of several values         ip:10.0.0.0/8        a network
    requestObject.spec.containers:{ image:nginx* and securityContext.privileged:true }     in the same item
    alice shell                     both words, in the sentence or as the value of a main field
    and, or, not, ( )               not binds closest, then and, then or; in any case

A backslash takes the meaning from the next character. Two things are kinder than Kibana: a value may hold
colons (`user:system:serviceaccount:ci:deployer`), and of several words all must be there (Kibana asks for any
of them, for it shows the best first, not the newest).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from event_model.errors import QueryError
from store.query import names, values
from store.query.ast import ITEM, All, Name, Nested, Query, both, either, negate
from store.query.limits import check_limits
from store.query.values import Literal
from store.query.words import encodable

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

_GRAMMAR = r"""
?start: either | -> everything
?either: both (_OR both)*
?both: term (_AND term)*
?term: _NOT term -> negated
     | "(" either ")"
     | literal -> bare
     | literal ":" value -> equal
     | literal ":" "{" either "}" -> nested
     | literal COMPARE value_literal -> compared
?value: value_literal
      | "(" any_of ")"
?any_of: all_of (_OR all_of)*
?all_of: one_of (_AND one_of)*
?one_of: _NOT one_of -> negated
       | "(" any_of ")"
       | value_literal
literal: WORD+ | QUOTED
value_literal: VALUE WORD* -> literal
             | QUOTED -> literal

COMPARE: ">=" | "<=" | ">" | "<"
_OR.2: /or(?=[\s()"]|$)/i
_AND.2: /and(?=[\s()"]|$)/i
_NOT.2: /not(?=[\s()"]|$)/i
QUOTED: /"(\\.|[^"\\])*"/s
WORD: /(\\.|[^\s\\():<>"{}])+/s
VALUE: /(\\.|[^\s\\()<>"{}])+/s
%ignore /\s+/
"""

_WORDS = {
    "WORD": "a field or a word", "QUOTED": "a quoted phrase", "VALUE": "a value", "COMPARE": "a comparison",
    "COLON": "a colon", "LPAR": "(", "RPAR": ")", "LBRACE": "{", "RBRACE": "}", "$END": "the end",
    "_OR": "or", "_AND": "and", "_NOT": "not",
}  # fmt: skip
_TWO = 'two conditions need "and" or "or" between them'
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n"}
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\(.)|(.)", re.DOTALL)


def parse_kql(text: str, *, now: datetime | None = None) -> Query:
    """The query that the text means, with relative times counted from `now`. Raises QueryError."""
    check_limits(text)
    return _Builder(text, now or datetime.now(UTC)).build(_tree(text), "", None)


@cache
def _parser() -> Lark:
    from lark import Lark  # a tenth of a second that only a search needs

    return Lark(_GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def _tree(text: str) -> Tree[Token]:
    from lark import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

    try:
        return _parser().parse(text)
    except UnexpectedCharacters as error:
        raise _stray(text, error.pos_in_stream or 0) from None
    except UnexpectedToken as error:
        column = len(text.rstrip()) if error.token.type == "$END" else error.token.start_pos or 0
        raise _unexpected(text, column, error.token, error.accepts or error.expected) from None
    except UnexpectedInput as error:
        raise QueryError("the search can't be read from here on", text, error.pos_in_stream or 0) from None


def _stray(text: str, column: int) -> QueryError:
    if text[column] == '"':
        return QueryError("this quotation mark is never closed", text, column)
    if text[column] == "\\":
        return QueryError("a backslash needs a character after it", text, column)
    quoted = f'"…{text[column]}…"'
    return QueryError(
        f"{text[column]!r} can't stand here; quote a value that holds it: {quoted}", text, column
    )


def _unexpected(text: str, column: int, token: Token, expected: set[str]) -> QueryError:
    if token.type == "COLON":
        before = re.search(r"\S+\s*$", text[:column])
        start = before.start() if before else column
        if re.search(r"[^\s({]\s*$", text[:start]):
            return QueryError(_TWO, text, start)
    if token.type in ("WORD", "QUOTED", "LPAR") and "$END" in expected:
        return QueryError(_TWO, text, column)
    if token.type in ("RPAR", "RBRACE") and "$END" in expected:
        return QueryError(f"this {token} closes nothing", text, column)
    choices = [word for each, word in _WORDS.items() if each in expected]
    wanted = " or ".join(filter(None, [", ".join(choices[:-1]), *choices[-1:]]))
    what = "the search ends too early" if token.type == "$END" else f"{str(token)!r} can't stand here"
    return QueryError(f"{what}; expected {wanted}", text, column)


class _Builder:
    """From the tree of one text to its query."""

    def __init__(self, text: str, now: datetime) -> None:
        self._text, self._now = text, now

    def build(self, tree: Tree[Token], prefix: str, item: Name | None) -> Query:
        """`prefix`: what names in braces begin with; `item`: the list in whose items they stand instead."""
        parts: list[Any] = tree.children
        match tree.data:
            case "everything":
                return All()
            case "either":
                return either(self.build(part, prefix, item) for part in parts)
            case "both":
                return both(self.build(part, prefix, item) for part in parts)
            case "negated":
                return negate(self.build(parts[0], prefix, item))
        name = self._word(parts[0])
        match tree.data:
            case "bare":
                return self._bare(name, prefix, item)
            case "nested":
                return self._nested(name, parts[1], prefix, item)
            case "compared":
                return self._compared(name, str(parts[1]), _literal(parts[2]), prefix, item)
        return self._equal(name, parts[1], prefix, item)

    def _word(self, tree: Tree[Token]) -> Literal:
        """What begins a condition: a field's name, or a word or phrase by itself."""
        first: Any = tree.children[0]
        if first.lower() in ("and", "or", "not"):
            raise QueryError(f"{str(first)!r} needs a condition on either side", self._text, first.start_pos)
        return _literal(tree)

    def _bare(self, literal: Literal, prefix: str, item: Name | None) -> Query:
        if prefix or item:
            raise QueryError("inside braces every condition needs a field", self._text, literal.column)
        return values.anywhere(literal, self._now)

    def _nested(self, name: Literal, inner: Tree[Token], prefix: str, item: Name | None) -> Query:
        typed = prefix + name.text
        if item is None and any(known.startswith(typed + ".") for known in names.known()):
            return self.build(inner, typed + ".", None)
        field = self._field(name, prefix, item)
        if field.kind != "any":
            raise self._error(f"{field.name} is a plain field and has nothing inside", name)
        return Nested(field, self.build(inner, "", field))

    def _compared(self, name: Literal, sign: str, literal: Literal, prefix: str, item: Name | None) -> Query:
        field = self._field(name, prefix, item)
        low, high = (literal.text, None) if sign[0] == ">" else (None, literal.text)
        counts = (len(sign) == 2, len(sign) == 2)
        try:
            return values.between(field, low, high, counts, self._now)
        except ValueError as error:
            raise self._error(str(error), literal) from None

    def _equal(self, name: Literal, value: Tree[Token], prefix: str, item: Name | None) -> Query:
        if name.pattern is not None and not item:
            return self._everywhere(name, value, prefix)
        return self._value(prefix + name.text, self._field(name, prefix, item), value)

    def _everywhere(self, name: Literal, value: Tree[Token], prefix: str) -> Query:
        """A pattern instead of a field's name; fields that can't hold such a value are passed over."""
        pattern = prefix + (name.pattern or "")
        if pattern == "*" and value.data == "literal" and _literal(value).pattern == "*":
            return All()
        fields = names.matching(pattern)
        if not fields:
            raise self._error(f"no field is like {pattern!r}", name)
        found: list[Query] = []
        refused: QueryError | None = None
        for field in fields:
            try:
                found.append(self._value(field.name, field, value))
            except QueryError as error:
                refused = error
        if refused and not found:
            raise refused
        return either(found)

    def _value(self, typed: str, field: Name, value: Tree[Token]) -> Query:
        parts: list[Any] = value.children
        match value.data:
            case "any_of":
                return either(self._value(typed, field, part) for part in parts)
            case "all_of":
                return both(self._value(typed, field, part) for part in parts)
            case "negated":
                return negate(self._value(typed, field, parts[0]))
        literal = _literal(value)
        try:
            return values.condition(typed, field, literal, self._now)
        except ValueError as error:
            raise self._error(str(error), literal) from None

    def _field(self, name: Literal, prefix: str, item: Name | None) -> Name:
        if item is not None:
            return Name(f"{item.name}.{name.text}", "any", root=ITEM, path=tuple(name.text.split(".")))
        try:
            return names.resolve(prefix + name.text)
        except LookupError as error:
            raise self._error(str(error.args[0]), name) from None

    def _error(self, message: str, literal: Literal) -> QueryError:
        return QueryError(message, self._text, literal.column)


def _literal(tree: Tree[Token]) -> Literal:
    """A literal of the tree: a quoted phrase, or words with their escapes resolved."""
    tokens: list[Any] = tree.children
    column = tokens[0].start_pos
    if tokens[0].type == "QUOTED":
        return Literal(_unescape(tokens[0][1:-1]), column, quoted=True)
    text = " ".join(tokens)
    pattern = _pattern(text)
    return Literal(_unescape(text), column, pattern=pattern if values.has_wildcard(pattern) else None)


def _unescape(text: str) -> str:
    return "".join(_character(found) for found in _ESCAPE.finditer(text))


def _pattern(text: str) -> str:
    """As a pattern (see ast.Like): only a bare `*` is a wildcard in KQL."""
    return "".join(
        found.group() if found[3] == "*" else values.escape(_character(found))
        for found in _ESCAPE.finditer(text)
    )


def _character(found: re.Match[str]) -> str:
    if found[1]:
        return encodable(chr(int(found[1], 16)))
    return _ESCAPES.get(found[2], found[2]) if found[2] else found[3]
