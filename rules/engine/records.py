"""Choose rules for records of any shape, which every rule may be about, by the names that stand in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from event_model.fields import FIELDS
from rules.engine.expression import FALSE, AllOf, AnyOf, Atom, Each, Expression, Reference
from rules.engine.logsource import RECORD
from rules.engine.memo import Candidates
from rules.engine.rule import Rule

MOST_SHAPES = 500  # of records; then they are learnt again


class Records:
    """Rules by the first names of fields without which they can't be met."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = [rule for rule in rules if rule.expression(RECORD) is not FALSE]
        self._always: set[int] = set()
        self._by_name: dict[str, set[int]] = {}
        self._known: dict[tuple[str, ...], Candidates] = {}  # by the names in a record
        for number, rule in enumerate(self._rules):
            names = needed(rule.expression(RECORD))
            if names is None:
                self._always.add(number)
            for name in names or ():
                for prefix in _prefixes(name):
                    self._by_name.setdefault(prefix, set()).add(number)

    def candidates(self, native: Any) -> Candidates:
        """The rules that a record may meet; none for what is no map."""
        if not isinstance(native, dict):
            return ()
        names = tuple(native)
        known = self._known.get(names)
        if known is None:
            if len(self._known) >= MOST_SHAPES:
                self._known.clear()
            known = self._known[names] = self._about(names)
        return known

    def _about(self, names: Iterable[str]) -> Candidates:
        found = self._always.union(*(self._by_name.get(name, ()) for name in names))
        rules = [self._rules[number] for number in sorted(found)]
        return tuple((rule, rule.predicate(RECORD)) for rule in rules)


def _prefixes(name: str) -> list[str]:
    """`a`, `a.b` and `a.b.c` of `a.b.c`: a dot may be part of a name."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def needed(expression: Expression) -> set[str] | None:
    """Names of fields of which one must have a value for this to be met; None where it can be met without."""
    match expression:
        case Atom(name=name, test=test):
            # an event knows more than its record says
            return None if name in FIELDS or test(()) else {name.partition("[")[0]}
        case Reference(name=name) | Each(name=name):
            return {name.partition("[")[0]}
        case AllOf(parts=parts):
            found = [names for part in parts if (names := needed(part)) is not None]
            return min(found, key=len) if found else None
        case AnyOf(parts=parts):
            every = [needed(part) for part in parts]
            return None if None in every else {name for names in every for name in names or ()}
        case _:
            return None
