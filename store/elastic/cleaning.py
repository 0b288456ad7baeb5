"""Make values fit the types of a mapping, field by field: compiled once, then only called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import Struct

from event_model.fields import address
from store.elastic.flat import fit, units
from store.elastic.inner import inner
from store.elastic.mapping import LONGEST
from store.elastic.shape import Shape
from store.query.ast import MOST_CHARACTERS
from store.times import micros, rfc3339


@dataclass(slots=True)
class Notes:
    """What a search has to know of one document beyond its values."""

    long: list[str] = field(default_factory=list)  # fields that hold more than is searched
    inner: set[str] = field(default_factory=set)  # objects inside flattened fields


Clean = Callable[[Any, Notes], Any]  # what fits; None for no value
SHORT = LONGEST // 2  # characters of a text that surely is searched whole
_DATE = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z")
_LONG = 1 << 63


class Slot(NamedTuple):
    """A field of a mapping: in which objects it stands, its last name, how to clean a value, and of what type."""

    parents: tuple[str, ...]
    last: str
    clean: Clean
    is_keyword: bool
    is_whole: bool = False  # flattened


def slot_of(properties: Mapping[str, Any], name: str) -> Slot | None:
    """The field of this full name; None where the mapping has none, or one of a type that we don't use."""
    spec: Mapping[str, Any] = {"properties": properties}
    for part in name.split("."):
        spec = spec.get("properties", {}).get(part, {})
    return _slot(name, spec)


def _slot(name: str, spec: Mapping[str, Any]) -> Slot | None:
    *parents, last = name.split(".")
    kind = spec.get("type", "")
    if "properties" in spec:
        return Slot(tuple(parents), last, _object(name, spec["properties"]), False)
    if kind not in _CLEANERS:
        return None
    return Slot(tuple(parents), last, _CLEANERS[kind](name), kind == "keyword", kind == "flattened")


def slots_of(properties: Mapping[str, Any]) -> dict[str, Slot]:
    """By full name: every object and flattened field, where a native record may stand."""
    return {name: slot for name in _containers(properties) if (slot := slot_of(properties, name))}


def _containers(properties: Mapping[str, Any], above: str = "") -> Iterable[str]:
    for name, spec in properties.items():
        if spec.get("type") == "flattened":
            yield above + name
        elif "properties" in spec:
            yield above + name
            yield from _containers(spec["properties"], f"{above}{name}.")


def _object(name: str, properties: Mapping[str, Any]) -> Clean:
    """Of a Struct or a dictionary, the members that the mapping has."""
    slots = [slot for key, spec in properties.items() if (slot := _slot(f"{name}.{key}", spec))]
    parts = [(slot.last, slot.clean, slot.is_keyword) for slot in slots]
    known = {key for key, *_ in parts}
    shape = Shape(properties, SHORT)

    def clean(value: Any, notes: Notes) -> Any:
        made = {}
        if isinstance(value, Struct):
            with suppress(ValueError, TypeError, RecursionError):
                return shape.take(value)
            found = [getattr(value, key, None) for key, *_ in parts]
        elif isinstance(value, dict):
            found = [value.get(key) for key, *_ in parts]
            if not value.keys() <= known:  # searches will look at the record itself
                notes.long.append(name)
        else:
            return None
        for one, (key, part, is_keyword) in zip(found, parts, strict=False):
            if not one and one != 0:
                continue
            if is_keyword and type(one) is str and len(one) <= SHORT:
                made[key] = one
            elif (fitting := part(one, notes)) is not None:
                made[key] = fitting
        return made or None

    return clean


def _flattened(name: str) -> Clean:
    def clean(value: Any, notes: Notes) -> Any:
        made, complete = fit(value)
        if not complete:
            notes.long.append(name)
        if made:
            notes.inner |= inner(made, name)
        return made or None

    return clean


def _keyword(name: str) -> Clean:
    """Texts as far as they count; numbers and truth values as they are."""

    def clean(value: Any, notes: Notes) -> Any:
        if isinstance(value, str):
            if len(value) <= SHORT or units(value) <= LONGEST:
                return value
            notes.long.append(name)
            return value[:MOST_CHARACTERS]
        if isinstance(value, list | tuple):
            with suppress(TypeError):  # not all of it is text
                if len("".join(value)) <= SHORT and "" not in value:
                    return value
            return [made for item in value if (made := clean(item, notes)) or made == 0] or None
        return value if isinstance(value, bool | int | float) else None

    return clean


def _text(name: str) -> Clean:
    def clean(value: Any, notes: Notes) -> Any:
        if not isinstance(value, str):
            return None
        if len(value) > MOST_CHARACTERS:
            notes.long.append(name)
        return value[:MOST_CHARACTERS]

    return clean


def _typed(one: Callable[[Any], Any]) -> Callable[[str], Clean]:
    """Values of one type; what is of another is left out, and the field named."""

    def make(name: str) -> Clean:
        def clean(value: Any, notes: Notes) -> Any:
            if isinstance(value, list | tuple):
                return [made for item in value if (made := clean(item, notes)) is not None] or None
            made = one(value)
            if made is None:
                notes.long.append(name)
            return made

        return clean

    return make


def _ip(value: Any) -> Any:
    return address(value) if isinstance(value, str) and "%" not in value else None  # servers know no zones


def _date(value: Any) -> Any:
    return _moment(value) if isinstance(value, str) else None


@lru_cache(1024)  # an event tells one time in several fields
def _moment(value: str) -> str | None:
    try:
        known = micros(value)
    except ValueError:
        return None
    return value if _DATE.fullmatch(value) else rfc3339(known)


def _long(value: Any) -> Any:
    return (
        value if isinstance(value, int) and not isinstance(value, bool) and -_LONG <= value < _LONG else None
    )


def _double(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else None


_CLEANERS: dict[str, Callable[[str], Clean]] = {
    "keyword": _keyword, "text": _text, "flattened": _flattened,
    "ip": _typed(_ip), "date": _typed(_date), "long": _typed(_long), "float": _typed(_double),
    "boolean": _typed(_boolean),
}  # fmt: skip
