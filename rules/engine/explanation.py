"""Say by which of its values an event meets a condition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rules.engine.expression import (
    AllOf,
    AnyOf,
    Atom,
    Constant,
    Each,
    Expression,
    Keyword,
    Not,
    Reference,
    compile,
)
from rules.engine.view import View


def explain(expression: Expression, view: View, here: Any, met: bool = False) -> dict[str, list[Any]] | None:
    """The fields with their values that meet the expression, or None if it isn't met.

    Where it is known to be `met`, what adds no value to that is not asked again.
    """
    match expression:
        case Atom(name=name, read=read, test=test, keep=keep):
            values = read(here)
            return {name: [value for value in values if keep(value)]} if met or test(values) else None
        case Reference(name=name, read=read):
            return {name: list(read(here))} if met or compile(expression)(view, here) else None
        case Keyword(name=name, text=text, check=check):
            return {name: [text]} if met or check(view.text) else None
        case Each(name=name, read=elements, inside=inside):
            for element in elements(here):
                found = explain(inside, view, element)
                if found is not None:
                    return {f"{name}.{below}" if below else name: values for below, values in found.items()}
            return None
        case AllOf(parts=parts):
            return _explain_all(parts, view, here, met)
        case AnyOf(parts=parts):
            return next((found for part in parts if (found := explain(part, view, here)) is not None), None)
        case Not(part=part):
            return {} if met or explain(part, view, here) is None else None
        case Constant(value=value):
            return {} if value else None


def _explain_all(
    parts: Iterable[Expression], view: View, here: Any, met: bool
) -> dict[str, list[Any]] | None:
    every: dict[str, list[Any]] = {}
    for part in parts:
        found = explain(part, view, here, met)
        if found is None:
            return None
        for name, values in found.items():
            every.setdefault(name, []).extend(value for value in values if value not in every[name])
    return every
