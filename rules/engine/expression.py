"""A rule's condition as a tree: compiled into a function, simplified by what is known.

all_of ─┬─ Atom verb = create                  known from the memo's fields: simplify() takes it away
        ├─ Atom objectRef.resource = pods
        └─ Each pod.containers[]               one element must meet everything below
             └─ all_of ─┬─ Atom image
                        └─ Atom securityContext.privileged
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from rules.engine.paths import Values
from rules.engine.view import View

# the second argument is where paths start: the view itself, or the element of a list
Read = Callable[[Any], Values]
Test = Callable[[Values], bool]
Compiled = Callable[[View, Any], bool]


class Atom(Struct, frozen=True):
    """One field meets one test; `keep` tells which of its values did."""

    name: str  # as the rule writes it
    read: Read
    test: Test
    keep: Callable[[Any], bool]
    memo: str = ""  # name of the memo's field that decides it alone
    key: str = ""  # its key in that field, where the field is a map: only that it is missing decides
    body: str = ""  # the part of the record that it needs, likewise: requestObject, responseObject or object
    cost: int = 1

    def decided(self, known: Mapping[str, Any]) -> bool | None:
        """Whether it is met, or None where these fields of the memo don't tell."""
        if self.memo not in known:
            return None
        value = known[self.memo]
        if self.body:
            return None if value & BODIES[self.body] else self.test(())
        if self.key:
            return None if self.key in value else self.test(())
        if value is None:
            return self.test(())
        return self.test(value if isinstance(value, tuple) else (value,))


class Each(Struct, frozen=True):
    """One element of a list meets everything inside."""

    name: str
    read: Read
    inside: Expression
    memo: str = ""
    key: str = ""
    body: str = ""
    cost: int = 10

    def decided(self, known: Mapping[str, Any]) -> bool | None:
        """Whether it is met: False where the memo tells that there is no such list."""
        if self.body and self.memo in known and not known[self.memo] & BODIES[self.body]:
            return False
        return None


class Reference(Struct, frozen=True):
    """Some value of a field compares with some value of another field."""

    name: str
    read: Read
    other: Read
    compare: Callable[[Any, Any], bool]
    inside: bool = False  # the other field too is of the same element
    memo: str = ""
    key: str = ""
    body: str = ""
    cost: int = 3

    def decided(self, known: Mapping[str, Any]) -> bool | None:
        return None


class Keyword(Struct, frozen=True):
    """A text or pattern stands anywhere in the record."""

    text: str
    check: Callable[[str], bool]
    name: str = "keywords"
    memo: str = ""
    key: str = ""
    body: str = ""
    cost: int = 30

    def decided(self, known: Mapping[str, Any]) -> bool | None:
        return None


class AllOf(Struct, frozen=True):
    parts: tuple[Expression, ...]
    cost: int = 0


class AnyOf(Struct, frozen=True):
    parts: tuple[Expression, ...]
    cost: int = 0


class Not(Struct, frozen=True):
    part: Expression
    cost: int = 0


class Constant(Struct, frozen=True):
    value: bool
    cost: int = 0


Leaf = Atom | Reference | Keyword | Each
Expression = Leaf | AllOf | AnyOf | Not | Constant
TRUE, FALSE = Constant(True), Constant(False)
BODIES = {"requestObject": 1, "responseObject": 2, "object": 3}  # bits of the memo's field `bodies`


def all_of(parts: Iterable[Expression]) -> Expression:
    """All of them, cheapest first; what is always true is left out."""
    kept: list[Expression] = []
    for part in parts:
        if part is FALSE:
            return FALSE
        if isinstance(part, AllOf):
            kept.extend(part.parts)
        elif part is not TRUE:
            kept.append(part)
    kept.sort(key=lambda part: part.cost)
    if len(kept) < 2:
        return kept[0] if kept else TRUE
    return AllOf(tuple(kept), sum(part.cost for part in kept))


def any_of(parts: Iterable[Expression]) -> Expression:
    """Any of them, cheapest first; what is never true is left out."""
    kept: list[Expression] = []
    for part in parts:
        if part is TRUE:
            return TRUE
        if isinstance(part, AnyOf):
            kept.extend(part.parts)
        elif part is not FALSE:
            kept.append(part)
    kept.sort(key=lambda part: part.cost)
    if len(kept) < 2:
        return kept[0] if kept else FALSE
    return AnyOf(tuple(kept), sum(part.cost for part in kept))


def none_of(part: Expression) -> Expression:
    if isinstance(part, Constant):
        return FALSE if part.value else TRUE
    return part.part if isinstance(part, Not) else Not(part, part.cost)


def simplify(expression: Expression, decide: Callable[[Leaf], bool | None]) -> Expression:
    """The expression without the leaves that `decide` says yes or no to: TRUE and FALSE are final."""
    match expression:
        case AllOf(parts=parts):
            return all_of(simplify(part, decide) for part in parts)
        case AnyOf(parts=parts):
            return any_of(simplify(part, decide) for part in parts)
        case Not(part=part):
            return none_of(simplify(part, decide))
        case Constant():
            return expression
    met = decide(expression)
    return expression if met is None else TRUE if met else FALSE


def possible(expression: Expression, fields: Collection[str], wanted: bool = True) -> Expression:
    """What the expression asks of these fields, so as to be met at all (without `wanted`: for sure)."""
    match expression:
        case AllOf(parts=parts):
            return all_of(possible(part, fields, wanted) for part in parts)
        case AnyOf(parts=parts):
            return any_of(possible(part, fields, wanted) for part in parts)
        case Not(part=part):
            return none_of(possible(part, fields, not wanted))
        case Constant():
            return expression
    if expression.memo in fields:
        return expression
    return TRUE if wanted else FALSE


def compile(expression: Expression) -> Compiled:
    """The expression as one function of a view and of where its paths start (the view, at the top)."""
    match expression:
        case Atom(read=read, test=test):
            return lambda view, here: test(read(here))
        case Reference():
            return _reference(expression)
        case Keyword(check=check):
            return lambda view, here: check(view.text)
        case Each(read=elements, inside=inside):
            meets = compile(inside)
            return _each(elements, meets)
        case AllOf(parts=parts):
            return _all([compile(part) for part in parts])
        case AnyOf(parts=parts):
            return _any([compile(part) for part in parts])
        case Not(part=part):
            inner = compile(part)
            return lambda view, here: not inner(view, here)
        case Constant(value=value):
            return lambda view, here: value


def _each(elements: Read, meets: Compiled) -> Compiled:
    def met(view: View, here: Any) -> bool:
        for element in elements(here):  # noqa: SIM110 - a loop costs half of any() with a generator
            if meets(view, element):
                return True
        return False

    return met


def _all(parts: list[Compiled]) -> Compiled:
    if len(parts) == 2:
        first, second = parts
        return lambda view, here: first(view, here) and second(view, here)

    def meets(view: View, here: Any) -> bool:
        for part in parts:  # noqa: SIM110 - as above
            if not part(view, here):
                return False
        return True

    return meets


def _any(parts: list[Compiled]) -> Compiled:
    if len(parts) == 2:
        first, second = parts
        return lambda view, here: first(view, here) or second(view, here)

    def meets(view: View, here: Any) -> bool:
        for part in parts:  # noqa: SIM110 - as above
            if part(view, here):
                return True
        return False

    return meets


def _reference(expression: Reference) -> Compiled:
    read, other, compare, inside = expression.read, expression.other, expression.compare, expression.inside

    def meets(view: View, here: Any) -> bool:
        others = other(here if inside else view)
        return any(compare(value, each) for value in read(here) for each in others)

    return meets


def depth(expression: Expression) -> int:
    """How many levels the tree has."""
    match expression:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return 1 + max(map(depth, parts))
        case Not(part=part) | Each(inside=part):
            return 1 + depth(part)
        case _:
            return 1


def leaves(expression: Expression) -> Iterator[Leaf]:
    """Everything in the tree that looks at an event, from the top down."""
    match expression:
        case Atom() | Reference() | Keyword():
            yield expression
        case Each(inside=inside):
            yield expression
            yield from leaves(inside)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from leaves(part)
        case Not(part=part):
            yield from leaves(part)
        case Constant():
            return
