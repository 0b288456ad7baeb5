"""Read the values that stand at a path in a record, through lists and through bodies not yet parsed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

_parsed: tuple[Any, Any] = (None, None)  # the last body, for a search often looks twice at the same


def walk(record: Any, path: Sequence[str]) -> list[Any]:
    """The plain values at the path and below it: text, numbers, booleans; no empty ones.

    A list stands for its items. A key may hold dots: `annotations.authorization.k8s.io/decision`.
    """
    return [value for found in items(record, path) for value in _leaves(found)]


def items(record: Any, path: Sequence[str]) -> list[Any]:
    """What stands at the path, whatever it is; the items where it is a list."""
    found: list[Any] = []
    waiting = [(record, 0)]
    while waiting:
        value, place = waiting.pop()
        if isinstance(value, Raw):
            value = _parse(value)
        if isinstance(value, (list, tuple)):
            waiting.extend((item, place) for item in reversed(value))
        elif place == len(path):
            found.append(value)
        elif isinstance(value, dict):
            for end in range(len(path), place, -1):
                key = ".".join(path[place:end])
                if key in value:
                    waiting.append((value[key], end))
        elif isinstance(value, Struct):
            waiting.append((getattr(value, path[place], None), place + 1))
    return found


def _leaves(value: Any) -> list[Any]:
    found: list[Any] = []
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Raw):
            value = _parse(value)
        if isinstance(value, (list, tuple)):
            waiting.extend(reversed(value))
        elif isinstance(value, dict):
            waiting.extend(reversed(value.values()))
        elif isinstance(value, Struct):
            waiting.extend(getattr(value, name) for name in reversed(value.__struct_fields__))
        elif value is not None and value != "":
            found.append(value)
    return found


def _parse(body: Raw) -> Any:
    global _parsed
    last, value = _parsed  # one read: another thread may put its own there
    if last is not body:
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):  # none, or none that can be read
            value = None
        _parsed = (body, value)
    return value
