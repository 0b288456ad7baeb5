"""Read a rule file as YAML, bounded in size and depth, and know on which line each key stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from event_model.errors import RuleError

MOST_BYTES = 1024 * 1024
MOST_VALUES = 50_000  # with every alias unfolded; without one, MOST_BYTES bounds them
DEEPEST = 50
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Key = str | int
Lines = dict[tuple[Key, ...], int]


class Document:
    """One YAML document: `data` is what it says, `line` where it says it."""

    def __init__(self, path: str, data: dict[str, Any], lines: Lines) -> None:
        self.path, self.data, self._lines = path, data, lines

    def line(self, *keys: Key) -> int:
        """The line of the innermost of these keys that stands in the file."""
        while keys and keys not in self._lines:
            keys = keys[:-1]
        return self._lines.get(keys, 1)

    def error(self, message: str, *keys: Key) -> RuleError:
        return RuleError(message, self.path, self.line(*keys))


def read(path: Path) -> list[Document]:
    """The documents of one file. Raises RuleError for what can't be a rule file, whatever the bytes are."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RuleError(f"can't be read: {error.strerror}", str(path)) from None
    if len(raw) > MOST_BYTES:
        raise RuleError(f"longer than {MOST_BYTES // 1024} KiB, which no rule needs", str(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise RuleError("not UTF-8 text", str(path), line) from None
    return parse(text, str(path))


def parse(text: str, path: str = "") -> list[Document]:
    """The documents of one file's text; empty ones are left out. Raises RuleError with the line."""
    try:
        aliases = _check_depth(text, path)
        return list(_documents(text, path, aliases > 0))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "not YAML"
        raise RuleError(f"not YAML: {problem}", path, mark.line + 1 if mark else 0) from None
    except yaml.YAMLError as error:
        raise RuleError(f"not YAML: {error}".partition("\n")[0], path) from None
    except (ValueError, OverflowError) as error:  # such as the date 2026-02-31
        raise RuleError(f"not YAML: {error}", path) from None


def _check_depth(text: str, path: str) -> int:
    """Refuse deep nesting; gives the number of aliases."""
    depth = aliases = line = 0
    # libyaml composes by recursion and would overflow the stack; its events come one by one
    for event in yaml.parse(text, _Loader):
        line = event.start_mark.line if event.start_mark else line
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise RuleError(f"nested deeper than {DEEPEST} levels", path, line + 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
    return aliases


def _documents(text: str, path: str, aliased: bool) -> Iterator[Document]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if aliased:
                _check_size(node, path)
            lines: Lines = {}
            _note_lines(node, (), lines, path)
            data = loader.construct_document(node)
            if data is None:
                continue
            if not isinstance(data, dict):
                raise RuleError("a rule is a map of keys", path, node.start_mark.line + 1)
            yield Document(path, data, lines)
    finally:
        loader.dispose()


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


def _check_size(root: Node, path: str) -> None:
    """Refuse what contains itself, and what unfolds to more than a rule can hold."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Node) -> int:
        if id(node) in open_nodes:
            raise RuleError("an alias stands inside what it names", path, node.start_mark.line + 1)
        if id(node) not in sizes:
            open_nodes.add(id(node))
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
            open_nodes.remove(id(node))
        return sizes[id(node)]

    if size(root) > MOST_VALUES:
        raise RuleError(
            f"its aliases unfold to more than {MOST_VALUES} values", path, root.start_mark.line + 1
        )


def _note_lines(node: Node, keys: tuple[Key, ...], lines: Lines, path: str) -> None:
    lines.setdefault(keys, node.start_mark.line + 1)
    if isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            _note_lines(item, (*keys, index), lines, path)
    elif isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise RuleError("a key must be text", path, key.start_mark.line + 1)
            if key.value in seen and key.value != "<<":
                raise RuleError(f"{key.value!r} stands here twice", path, key.start_mark.line + 1)
            seen.add(key.value)
            lines[(*keys, key.value)] = key.start_mark.line + 1
            _note_lines(value, (*keys, key.value), lines, path)
