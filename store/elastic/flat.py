"""Make any JSON value fit a `flattened` field, which takes objects of free names but not of any shape.

What a server refuses was found by asking one (8.19): objects nested more deeply than 20, NUL in a name, a name
and its value of more than 32,766 bytes together (a value that is longer than the mapping's `ignore_above` does
not count), one name twice, anything but an object or a list of objects.
"""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
from msgspec import Raw, Struct

from event_model.fields import plain
from store.elastic.mapping import DEEPEST, LONGEST
from store.query.ast import MOST_CHARACTERS

MOST_OBJECTS = DEEPEST  # inside one another, the outermost included
MOST_LEVELS = 60  # with lists, which a server does not count and encoders of JSON do
MOST_NAME = 29_000  # bytes of a name with all those above it; what has a longer one is left out
SCALAR = ""  # name of what is no object
_SHORT_NAME, _SHORT_TEXT = MOST_NAME // (4 * MOST_OBJECTS), LONGEST // 2  # characters that surely fit


def fit(value: Any) -> tuple[Any, bool]:
    """The value as a `flattened` field takes it, or None where nothing is left; whether all of it is searched.

    Unparsed bytes (`Raw`) and Structs are taken apart first. What is nested too deeply stands there as text.
    """
    if isinstance(value, Raw):
        encoded = bytes(value)
        if not encoded:
            return None, True
        try:
            value = orjson.loads(encoded)
        except ValueError:
            return _anyhow(encoded)
    elif isinstance(value, Struct):
        try:
            value = plain(value)
        except (ValueError, TypeError, RecursionError):
            return None, False
    if value is None:
        return None, True
    if not _is_objects(value):
        value = {SCALAR: value}
    return (value, True) if _fits(value, MOST_OBJECTS, MOST_LEVELS) else _Fitting().whole(value)


def _anyhow(encoded: bytes) -> tuple[Any, bool]:
    """What one reader of JSON refuses (halves of surrogate pairs, great depth) another may take."""
    try:
        value = msgspec.json.decode(encoded)
    except (ValueError, RecursionError):
        return {SCALAR: encoded[:LONGEST].decode("utf-8", "replace")}, False
    return _Fitting().whole(value if _is_objects(value) else {SCALAR: value})


def _is_objects(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and all(isinstance(item, dict) for item in value)
    )


def _fits(value: Any, objects: int, levels: int) -> bool:
    """Whether it surely fits as it is: most do, and need not be made again."""
    if type(value) is dict:
        objects -= 1
        for name in value:
            if len(name) > _SHORT_NAME or "\0" in name:
                return False
        value = value.values()
    if objects < 0 or levels <= 0:
        return False
    for item in value:
        kind = type(item)
        if kind is str:
            if len(item) > _SHORT_TEXT:
                return False
        elif (kind is dict or kind is list) and not _fits(item, objects, levels - 1):
            return False
    return True


class _Fitting:
    """One value on its way; `complete` tells whether anything had to give."""

    def __init__(self) -> None:
        self.complete = True

    def whole(self, value: Any) -> tuple[Any, bool]:
        made = self._fit(value, 0, MOST_OBJECTS, MOST_LEVELS)
        return made or None, self.complete

    def _fit(self, value: Any, named: int, objects: int, levels: int) -> Any:
        """`named`: bytes of the names above; `objects`, `levels`: how many more may be nested here."""
        if isinstance(value, dict):
            if objects and levels:
                return self._members(value, named, objects - 1, levels - 1)
            return self._text(_encoded(value))
        if isinstance(value, list):
            if levels:
                return [self._fit(item, named, objects, levels - 1) for item in value]
            return self._text(_encoded(value))
        return self._short(value) if isinstance(value, str) else value

    def _members(self, value: dict[str, Any], named: int, objects: int, levels: int) -> dict[str, Any]:
        made = {}
        for name, item in value.items():
            if "\0" in name:
                self.complete = False
                name = name.replace("\0", "\ufffd")
            length = named + len(name.encode("utf-8", "replace")) + 1
            if length > MOST_NAME:
                self.complete = False
                continue
            made[name] = self._fit(item, length, objects, levels)
        return made

    def _text(self, text: str) -> str:
        self.complete = False
        return self._short(text)

    def _short(self, text: str) -> str:
        if units(text) > LONGEST:
            self.complete = False
        return text[:MOST_CHARACTERS]


def units(text: str) -> int:
    """The length of a text as Java counts it, in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _encoded(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode("utf-8", "replace")
    except (ValueError, TypeError, RecursionError):
        return ""
