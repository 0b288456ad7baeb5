"""Name the objects inside free records: a flattened field finds what stands at a name, and not below it."""

from __future__ import annotations

from typing import Any


def inner(value: Any, name: str) -> set[str]:
    """The full names of the objects, at any depth below `name`, that hold anything that is searched."""
    found: set[str] = set()
    _walk(value, name, found)
    found.discard(name)
    return found


def _walk(value: Any, name: str, found: set[str]) -> bool:
    """Whether there is a value at the name or below it."""
    if isinstance(value, dict):
        there = [_walk(item, f"{name}.{key}", found) for key, item in value.items()]
        if any(there):
            found.add(name)
            return True
        return False
    if isinstance(value, list):
        return any([_walk(item, name, found) for item in value])
    return value is not None and value != ""
