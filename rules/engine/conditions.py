"""Turn a rule's `detection:` into an expression over one table of fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from event_model.errors import RuleError, nearest
from rules.engine import paths, texts, values
from rules.engine.document import Document, Key
from rules.engine.expression import (
    Atom,
    Each,
    Expression,
    Keyword,
    Read,
    Reference,
    all_of,
    any_of,
    depth,
    none_of,
)
from rules.engine.fields import Field, Table
from rules.engine.paths import EACH, Values
from rules.engine.view import View

if TYPE_CHECKING:
    from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaDetections
    from sigma.types import SigmaType

DEEPEST = 50
Lists = Mapping[str, Sequence[str]]  # what %placeholders% stand for


def compile_detection(
    document: Document, detections: SigmaDetections, table: Table, lists: Lists, needs: Sequence[str] = ()
) -> Expression:
    """The rule's condition over the fields of a table. Raises RuleError for the first mistake.

    Without a body, a record can't meet a rule that needs one, whatever its condition says of what is missing.
    """
    compiler = _Compiler(document, detections, table, lists)
    try:
        found = all_of(
            [*([_HAS_BODY] if needs and "requestObject" in table.roots else []), compiler.condition()]
        )
        deep = depth(found) > DEEPEST
    except RecursionError:
        deep = True
    if deep:
        raise document.error(f"nested deeper than {DEEPEST} levels", "detection", "condition")
    return found


def _bodies(view: View) -> list[Any]:
    return [body for body in (view.request, view.response) if isinstance(body, (dict, list))]


# either body will do: of a patch, the answer tells more than the request
_HAS_BODY = Atom("body", _bodies, bool, lambda body: False, memo="bodies", body="object", cost=9)


class _Scope:
    """Where paths start: the event, or an element of a list that stands at `prefix`."""

    def __init__(self, field: Callable[[str], Field], prefix: str = "") -> None:
        self.field, self.prefix = field, prefix


def _element_field(name: str) -> Field:
    return Field(paths.reader(paths.split(name)), cost=2)


class _Compiler:
    def __init__(self, document: Document, detections: SigmaDetections, table: Table, lists: Lists) -> None:
        self.document, self.detections, self.table, self.lists = document, detections, table, lists
        self.place: tuple[Key, ...] = ("detection",)  # what is being compiled, for errors

    def error(self, message: str) -> RuleError:
        return self.document.error(message, *self.place)

    def condition(self) -> Expression:
        from sigma.exceptions import SigmaError

        self.place = ("detection", "condition")
        try:
            trees = [each.parse(postprocess=False) for each in self.detections.parsed_condition]
        except (SigmaError, RecursionError) as error:
            raise self.error(f"the condition can't be read: {str(error) or 'nested too deep'}") from None
        return any_of([self._node(tree) for tree in trees])

    def _node(self, node: Any) -> Expression:
        from sigma import conditions

        match node:
            case conditions.ConditionIdentifier():
                return self._selection(node.identifier)
            case conditions.ConditionSelector():
                return self._selector(node)
            case conditions.ConditionNOT():
                return none_of(self._node(node.args[0]))
            case conditions.ConditionAND():
                return all_of([self._node(arg) for arg in node.args])
            case conditions.ConditionOR():
                return any_of([self._node(arg) for arg in node.args])
        raise self.error(f"the condition holds {type(node).__name__}, which is not supported")

    def _selector(self, node: Any) -> Expression:
        from sigma.conditions import ConditionOR

        names = [each.identifier for each in node.resolve_referenced_detections(self.detections)]
        if not names:
            self.place = ("detection", "condition")
            raise self.error(f"the condition wants selections {node.pattern!r}, and there are none")
        parts = [self._selection(name) for name in names]
        return any_of(parts) if node.cond_class is ConditionOR else all_of(parts)

    def _selection(self, name: str) -> Expression:
        if name not in self.detections.detections:
            self.place = ("detection", "condition")
            hint = nearest(name, self.detections.detections)
            raise self.error(f"the condition names {name!r}, which is no selection of this rule.{hint}")
        raw = self.document.data["detection"][name]
        return self._detection(self.detections.detections[name], raw, ("detection", name))

    def _detection(self, detection: SigmaDetection, raw: Any, place: tuple[Key, ...]) -> Expression:
        from sigma.rule import SigmaDetectionItem

        if isinstance(raw, dict):  # all of its keys
            items = [
                (item, tuple(str(item.field or "").split(EACH)), (*place, str(key)))
                for key, item in zip(raw, detection.detection_items, strict=True)
                if isinstance(item, SigmaDetectionItem)
            ]
            return all_of(self._items(items, _Scope(self._field)))
        parts: list[Expression] = []
        for index, item in enumerate(detection.detection_items):
            if isinstance(item, SigmaDetectionItem):  # a value or a list of values
                self.place = place
                parts.append(self._keywords(item))
            else:
                parts.append(self._detection(item, raw[index], (*place, index)))
        return any_of(parts)

    def _items(self, items: list[_Item], scope: _Scope) -> Iterator[Expression]:
        """Each key's condition; those below the same `list[]` hold on the same element."""
        groups: dict[str, list[_Item]] = {}
        for item, (head, *rest), place in items:
            self.place = place
            if rest:
                below = (rest[0].removeprefix("."), *rest[1:])
                groups.setdefault(head, []).append((item, below, place))
            elif item.field is None:
                yield self._keywords(item)
            else:
                yield self._linked(item, head, scope)
        for head, members in groups.items():
            self.place = members[0][2]
            field = scope.field(head)
            inner = _Scope(_element_field, f"{scope.prefix}{head}{EACH}.")
            inside = all_of(self._items(members, inner))
            memo = field.memo if field.body else ""
            cost = field.cost + inside.cost
            yield Each(head + EACH, field.read, inside, memo=memo, body=field.body, cost=cost)

    def _field(self, name: str) -> Field:
        try:
            field = self.table.find(name)
        except ValueError as error:
            raise self.error(str(error)) from None
        # it belongs to another logsource that the rule fits (checked before): here it never has a value
        return field or Field(lambda view: ())

    def _linked(self, item: SigmaDetectionItem, name: str, scope: _Scope) -> Expression:
        """The item's values tested on a field, joined as its modifiers say."""
        from sigma.conditions import ConditionAND

        field = scope.field(name)
        wanted = [each for value in item.value for each in self._expanded(value)]
        found: Expression
        if not wanted:
            found = _absent(name, field)
        elif item.value_linking is ConditionAND:
            found = all_of([self._any(name, field, [value], scope) for value in wanted])
        else:
            found = self._any(name, field, wanted, scope)
        return none_of(found) if item.negated else found

    def _any(self, name: str, field: Field, wanted: list[SigmaType], scope: _Scope) -> Expression:
        parts: list[Expression] = []
        tested: list[SigmaType] = []
        for value in wanted:
            special = self._special(name, field, value, scope)
            if special is None:
                tested.append(value)
            else:
                parts.append(special)
        if tested:
            try:
                check = values.check_any(tested)
            except ValueError as error:
                raise self.error(f"{self.place[-1]}: {error}") from None
            parts.append(_atom(name, field, lambda found: any(map(check, found)), check))
        return any_of(parts)

    def _special(self, name: str, field: Field, value: SigmaType, scope: _Scope) -> Expression | None:
        """What asks whether there is a value at all, or compares with another field."""
        from sigma import types

        match value:
            case types.SigmaNull():
                return _absent(name, field)
            case types.SigmaExists():
                return none_of(_absent(name, field)) if value.exists else _absent(name, field)
            case types.SigmaString(s=[types.SpecialChars.WILDCARD_MULTI]) if field.blank:
                return none_of(_absent(name, field))
            case types.SigmaFieldReference():
                return self._reference(name, field, value, scope)
        return None

    def _reference(self, name: str, field: Field, value: Any, scope: _Scope) -> Expression:
        inside = bool(scope.prefix) and value.field.startswith(scope.prefix)
        if inside:
            other: Read = _element_field(value.field.removeprefix(scope.prefix)).read
        else:
            found = self._field(value.field)
            other = found.read
        compare = _comparison(value.starts_with, value.ends_with)
        return Reference(name, field.read, other, compare, inside, body=field.body, cost=field.cost + 3)

    def _expanded(self, value: SigmaType) -> list[Any]:
        """The value with its %placeholders% replaced by what they stand for."""
        from sigma import types

        if isinstance(value, types.SigmaExpansion):
            return [types.SigmaExpansion([each for one in value.values for each in self._expanded(one)])]
        if not isinstance(value, (types.SigmaString, types.SigmaRegularExpression)):
            return [value]
        if not value.contains_placeholder():
            return [value]

        def stands_for(placeholder: Any) -> Iterator[str]:
            if placeholder.name not in self.lists:
                hint = nearest(placeholder.name, self.lists)
                raise self.error(f"nothing is configured for the placeholder %{placeholder.name}%.{hint}")
            for text in self.lists[placeholder.name]:
                yield texts.escape(text) if isinstance(value, types.SigmaRegularExpression) else text

        made = value.replace_placeholders(stands_for)
        if isinstance(value, types.SigmaCasedString):
            return [types.SigmaCasedString.from_sigma_string(each) for each in made]  # type: ignore[arg-type]
        return list(made)

    def _keywords(self, item: SigmaDetectionItem) -> Expression:
        from sigma.conditions import ConditionAND

        parts: list[Expression] = []
        for value in [each for given in item.value for each in self._expanded(given)]:
            try:
                parts.append(Keyword(values.shown(value), values.keyword(value)))
            except ValueError as error:
                raise self.error(f"keyword: {error}") from None
        found = all_of(parts) if item.value_linking is ConditionAND else any_of(parts)
        return none_of(found) if item.negated else found


_Item = tuple["SigmaDetectionItem", tuple[str, ...], tuple[Key, ...]]


def _atom(name: str, field: Field, test: Any, keep: Any) -> Atom:
    return Atom(name, field.read, test, keep, field.memo, field.key, field.body, field.cost)


def _absent(name: str, field: Field) -> Atom:
    def test(found: Values) -> bool:
        return all(value == "" for value in found) if field.blank else not found

    return _atom(name, field, test, lambda value: False)


def _comparison(starts: bool, ends: bool) -> Callable[[Any, Any], bool]:
    def compare(value: Any, other: Any) -> bool:
        first, second = values.text_of(value).lower(), values.text_of(other).lower()
        if starts and ends:
            return second in first
        if starts:
            return first.startswith(second)
        if ends:
            return first.endswith(second)
        return first == second

    return compare
