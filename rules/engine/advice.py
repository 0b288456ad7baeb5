"""Common mistakes of rule writers that make no rule wrong, only pointless or slow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rules.engine.expression import AllOf, AnyOf, Atom, Each, Expression, Keyword, Leaf, Reference
from rules.engine.logsource import DOCKER, KUBERNETES
from rules.engine.rule import Rule

if TYPE_CHECKING:
    from sigma.rule import SigmaDetections

_STARRED = (".verbs", ".resources", ".apiGroups", ".nonResourceURLs")  # where a star is a value of its own
_PINS = {KUBERNETES: "verb, objectRef.resource, user.username", DOCKER: "Type, Action"}
Advice = tuple[str, int, str]  # warning or info, line, text


def advise(rule: Rule) -> Iterator[Advice]:
    """What can be said of a rule without looking at any event."""
    line = rule.document.line
    if not rule.datasets:
        yield "info", line("logsource"), "its logsource is none that is collected here: it never fires"
    for name in unused(rule.detections):
        yield "warning", line("detection", name), f"selection {name!r} is not part of the condition"
    for name, key in _stars(rule):
        text = rf"{key}: '*' is any value; write '\*' for a star, or leave the other values out"
        yield "warning", line("detection", name, key), text
    for dataset in rule.datasets:
        if dataset in _PINS and not any(map(is_memo, required(rule.expression(dataset)))):
            yield "warning", line("detection"), f"is tried on every event; pin {_PINS[dataset]} or the like"


def unused(detections: SigmaDetections) -> list[str]:
    """Selections that the condition does not name."""
    used: set[str] = set()
    for condition in detections.parsed_condition:
        used.update(_used(condition.parse(postprocess=False), detections))
    return [name for name in detections.detections if name not in used]


def _used(node: Any, detections: SigmaDetections) -> Iterator[str]:
    from sigma.conditions import ConditionIdentifier, ConditionSelector

    if isinstance(node, ConditionIdentifier):
        yield node.identifier
    elif isinstance(node, ConditionSelector):
        yield from (each.identifier for each in node.resolve_referenced_detections(detections))
    else:
        for arg in node.args:
            yield from _used(arg, detections)


def _stars(rule: Rule) -> Iterator[tuple[str, str]]:
    """Keys of selections with `*` beside other values, which it makes pointless, or where a star is meant."""
    from sigma.rule import SigmaDetectionItem
    from sigma.types import SigmaString, SpecialChars

    raw: dict[str, Any] = rule.document.data["detection"]
    for name, detection in rule.detections.detections.items():
        for key, item in zip(raw[name], detection.detection_items, strict=False):
            if isinstance(raw[name], dict) and isinstance(item, SigmaDetectionItem):
                texts = [value for value in item.value if isinstance(value, SigmaString)]
                any_text = any(value.s == [SpecialChars.WILDCARD_MULTI] for value in texts)
                if any_text and (len(texts) > 1 or str(item.field).endswith(_STARRED)):
                    yield name, str(key)


def is_memo(leaf: Leaf) -> bool:
    """Whether a look-up decides it, whatever the answer."""
    return isinstance(leaf, Atom) and bool(leaf.memo) and not leaf.key and not leaf.body


def required(expression: Expression) -> Iterator[Leaf]:
    """Leaves that must be met if the expression is; of alternatives that all pin a field, the first's."""
    match expression:
        case Atom() | Reference() | Keyword() | Each():
            yield expression
        case AllOf(parts=parts):
            for part in parts:
                yield from required(part)
        case AnyOf(parts=parts):
            if all(any(map(is_memo, required(part))) for part in parts):
                yield from required(parts[0])
