"""One thing to make or to change in the cluster, and how it differs from what is there."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class Change(Struct, frozen=True):
    """`path` is where the cluster keeps it; `before` is None where it is not there yet."""

    kind: str  # component template, index template, index …
    name: str
    path: str
    after: dict[str, Any]
    before: dict[str, Any] | None = None

    @property
    def summary(self) -> str:
        """`make index template tallyman-logs-default`."""
        return f"{'make' if self.before is None else 'change'} {self.kind} {self.name}"

    def diff(self) -> str:
        """What would be different, as a unified diff of the JSON; lines end with a newline."""
        before = _lines(self.before) if self.before is not None else []
        source = self.path if self.before is not None else "/dev/null"
        return "".join(difflib.unified_diff(before, _lines(self.after), source, self.path, n=2))


def same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether what the server shows is what it was given: it writes numbers and truth values as text."""
    return bool(_as_text(found) == _as_text(wanted))


def _as_text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_text(below) for name, below in value.items()}
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    return value if isinstance(value, str) else json.dumps(value)


def _lines(value: dict[str, Any]) -> list[str]:
    return [line + "\n" for line in json.dumps(_as_text(value), indent=2, sort_keys=True).splitlines()]
