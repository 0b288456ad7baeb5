"""Read one document as a rule, and report every mistake with its line and the nearest right name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from event_model.errors import RuleError, nearest
from rules.engine import logsource
from rules.engine.conditions import Lists, compile_detection
from rules.engine.document import Document, Key
from rules.engine.fields import TABLES, Table
from rules.engine.header import Header
from rules.engine.logsource import RECORD
from rules.engine.paths import EACH
from rules.engine.rule import Rule

if TYPE_CHECKING:
    from sigma.rule import SigmaRule

_LATER = {"correlation": "correlations", "filter": "filters"}


def parse(document: Document, rule_id: str, lists: Lists) -> tuple[Rule | None, list[RuleError]]:
    """The rule that one document holds, or all that is wrong with it."""
    for key, kind in _LATER.items():
        if key in document.data:
            return None, [document.error(f"{kind} are not supported yet", key)]
    if "action" in document.data:
        return None, [document.error("`action` is not part of Sigma 2: write each rule out", "action")]
    errors = list(_mistakes(document))
    source = document.data.get("logsource")
    wanted = logsource.logsource_of(source if isinstance(source, dict) else {})
    datasets = logsource.datasets(wanted)
    errors += _unknown_fields(document, [TABLES[name] for name in datasets])
    sigma = None if errors else _sigma(document, errors)
    header = Header(document, errors)
    info, tests, needs, tell = header.info(rule_id, datasets), header.tests(), header.needs(), header.reason()
    lists = {**header.placeholders(), **lists}
    if errors or sigma is None:
        return None, errors
    try:
        expressions = {
            name: compile_detection(document, sigma.detection, TABLES[name], lists, needs)
            for name in datasets or [RECORD]  # at least once, for what only this finds wrong
        }
    except RuleError as error:
        return None, [error]
    fields = tuple(dict.fromkeys(name for name, _ in _fields(document)))
    rule = Rule(
        info, Path(document.path), wanted, tuple(datasets), fields, needs, tests,
        expressions, document, sigma.detection, lists, tell,
    )  # fmt: skip
    return rule, []


def _sigma(document: Document, errors: list[RuleError]) -> SigmaRule | None:
    """The rule as pySigma reads it."""
    from sigma.exceptions import SigmaError, SigmaLevelError
    from sigma.rule import SigmaRule

    try:
        rule = SigmaRule.from_dict(document.data, collect_errors=True)
    except (SigmaError, ValueError, TypeError, AttributeError, RecursionError) as error:
        errors.append(document.error(str(error) or "can't be read as a Sigma rule"))
        return None
    for found in rule.errors:
        if not isinstance(found, SigmaLevelError):  # told below, with the choices
            errors.append(document.error(str(found), _key_of(found)))
    return rule


def _key_of(error: Exception) -> str:
    """The key of a rule that one of pySigma's errors is about."""
    name = type(error).__name__.removeprefix("Sigma").removesuffix("Error").lower()
    return {"identifier": "id", "condition": "detection", "tag": "tags"}.get(name, name)


def _keys(document: Document) -> Iterator[tuple[str, Any, tuple[Key, ...]]]:
    """Every key of every selection with its value and place."""
    detection = document.data.get("detection")
    for name, definition in (detection if isinstance(detection, dict) else {}).items():
        if name != "condition":
            yield from _keys_of(definition, ("detection", str(name)))


def _keys_of(definition: Any, place: tuple[Key, ...]) -> Iterator[tuple[str, Any, tuple[Key, ...]]]:
    if isinstance(definition, dict):
        for key, value in definition.items():
            yield str(key), value, (*place, str(key))
    elif isinstance(definition, list):
        for index, item in enumerate(definition):
            yield from _keys_of(item, (*place, index))


def _fields(document: Document) -> Iterator[tuple[str, tuple[Key, ...]]]:
    """Every field that the detection names, with its place."""
    for key, value, place in _keys(document):
        field, *modifiers = key.split("|")
        if field:
            yield field, place
        if "fieldref" in modifiers:
            for other in _listed(value):
                yield str(other), place


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _mistakes(document: Document) -> Iterator[RuleError]:
    """What pySigma can't read among the keys and values, each one by itself so that all are told at once."""
    from sigma.exceptions import SigmaError
    from sigma.modifiers import modifier_mapping
    from sigma.rule import SigmaDetectionItem

    for key, value, place in _keys(document):
        unknown = [name for name in key.split("|")[1:] if name not in modifier_mapping]
        for name in unknown:
            yield document.error(
                f"{key}: there is no modifier {name!r}.{nearest(name, modifier_mapping)}", *place
            )
        if unknown:
            continue
        if "re" in key.split("|") and not all(isinstance(each, str) for each in _listed(value)):
            yield document.error(f"{key}: a regular expression is text; put it in quotes", *place)
            continue
        try:
            SigmaDetectionItem.from_mapping(key, value)
        except (SigmaError, ValueError, TypeError, AttributeError, IndexError, RecursionError) as error:
            yield document.error(f"{key}: {error}", *place)


def _unknown_fields(document: Document, tables: list[Table]) -> Iterator[RuleError]:
    if not tables:
        return  # names of another product: there is nothing to check them against
    for name, place in _fields(document):
        head = name.partition(EACH)[0]
        try:
            known = any(table.find(head) for table in tables)
        except ValueError as error:
            yield document.error(str(error), *place)
            continue
        if not known:
            yield document.error(f"{tables[0].title} has no field {name!r}.{tables[0].nearest(name)}", *place)
