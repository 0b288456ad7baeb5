"""Paths into free-form JSON: `spec.template`, `rules[].verbs`, `annotations."a.b/c"`, `labels["a.b"]`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

Values = Sequence[Any]
EACH = "[]"
# maps of strings whose keys hold dots: what follows them is one key
STRING_MAPS = frozenset(
    (
        "annotations", "labels", "matchLabels", "nodeSelector", "Attributes", "extra",
        "data", "stringData", "binaryData", "limits", "requests", "hard",
    )
)  # fmt: skip


def split(path: str) -> list[str]:
    """The names on a path; `[]` stands as a name of its own. Raises ValueError for a broken path."""
    names: list[str] = []
    at = 0
    while at < len(path):
        quote = path[at : at + 2] if path[at] == "[" else path[at]
        if quote in ('["', "['", '"', "'"):
            close = quote[-1] + ("]" if quote[0] == "[" else "")
            end = path.find(close, at + len(quote))
            if end < 0:
                raise ValueError(f"{path!r} opens a quote and never closes it")
            names.append(path[at + len(quote) : end])
            at = end + len(close)
        elif path.startswith(EACH, at):
            names.append(EACH)
            at += 2
        else:
            end = min(end for end in (path.find(".", at), path.find("[", at), len(path)) if end >= 0)
            if end == at:
                raise ValueError(f"{path!r} has an empty part")
            names.append(path[at:end])
            at = end
        if at < len(path) and path[at] == ".":
            at += 1
            if at == len(path):
                raise ValueError(f"{path!r} ends with a dot")
    return names


def reader(names: Sequence[str]) -> Callable[[Any], Values]:
    """Read what stands at a path of plain JSON: every value that is not null, lists on the way opened."""
    steps = tuple(name for name in names if name != EACH)
    inner = steps[:-1]
    # up to the map of strings that the path leads into, and the key in it; without one, the whole path
    cut = next((at + 1 for at, name in enumerate(inner) if name in STRING_MAPS), len(steps))
    straight, key = steps[:cut], ".".join(steps[cut:])

    def read(node: Any) -> Values:
        start = node
        for name in straight:
            if type(node) is not dict:
                if node is None:
                    return ()
                break
            node = node.get(name)
        else:  # no list on the way: most often
            if key and type(node) is dict:
                node = node.get(key)
                missed = node is None and len(steps) - cut > 1  # then it may be a path after all
            else:
                missed = bool(key) and node is not None
            if not missed and type(node) is not list:
                return () if node is None else (node,)
        found: list[Any] = []
        _gather(start, steps, 0, found)
        return found

    return read


def items(node: Any) -> Iterator[Any]:
    """What a list holds, lists inside it opened; a value that is no list, itself."""
    waiting = [node]  # no recursion: an attacker chooses the depth
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(reversed(node))
        elif node is not None:
            yield node


def _gather(node: Any, steps: tuple[str, ...], at: int, found: list[Any]) -> None:
    if isinstance(node, list):
        for item in items(node):
            _gather(item, steps, at, found)
    elif node is None:
        return
    elif at == len(steps):
        found.append(node)
    elif isinstance(node, dict):
        name = steps[at]
        rest = len(steps) - at
        if rest > 1 and name in STRING_MAPS:
            _gather_key(node.get(name), steps, at + 1, found)
        elif name in node:
            _gather(node[name], steps, at + 1, found)


def _gather_key(node: Any, steps: tuple[str, ...], at: int, found: list[Any]) -> None:
    whole = ".".join(steps[at:])
    if isinstance(node, dict) and whole in node:
        _gather(node[whole], steps, len(steps), found)
    else:
        _gather(node, steps, at, found)


def loose(names: Sequence[str]) -> Callable[[Any], Values]:
    """Read a path of a record of any shape, where a dot may part names or belong to one: `event.code`."""
    steps = tuple(name for name in names if name != EACH)

    def read(node: Any) -> Values:
        found: list[Any] = []
        _gather_loose(node, steps, found)
        return found

    return read


def _gather_loose(node: Any, steps: tuple[str, ...], found: list[Any]) -> None:
    if isinstance(node, list):
        for item in items(node):
            _gather_loose(item, steps, found)
    elif not steps:
        if node is not None:
            found.append(node)
    elif isinstance(node, dict):
        for length in range(1, len(steps) + 1):
            name = steps[0] if length == 1 else ".".join(steps[:length])
            if name in node:
                _gather_loose(node[name], steps[length:], found)
