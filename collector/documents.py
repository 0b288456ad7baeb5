"""Put a JSON document that was written over several lines together again."""

from __future__ import annotations

from typing import Any

from collector.joining import Joined
from collector.lenient import BOM

MAX_DOCUMENT = 16 << 20  # bytes of one document
SHORT = 8  # bytes of a line that may be an opening bracket alone, with a byte-order mark and blanks
_ENDS = {b"{": (b"}", b"},"), b"[": (b"]",)}


class Documents:
    """Joins what a pretty-printer wrote: from a line that is one opening bracket to the bracket that closes it.

    A printer indents what is inside, so the closing bracket is the first one without an indent. Any other line
    is a record by itself.
    """

    def __init__(self, state: Any = None, limit: int = MAX_DOCUMENT) -> None:
        self._limit = limit
        self._offset: int = state[0] if state else 0
        self._lines: list[bytes] = list(state[1]) if state else []
        self._size = sum(map(len, self._lines))

    def feed(self, offset: int, line: bytes) -> list[Joined]:
        if self._lines:
            return self._more(offset, line)
        if len(line) > SHORT or line.removeprefix(BOM).strip() not in _ENDS:
            return [(offset, line)]
        self._offset, self._lines, self._size = offset, [line], len(line)
        return []

    def passes(self, lines: list[bytes]) -> bool:
        """Whether none of these lines is part of a document: a bracket alone is short."""
        return not self._lines and min(map(len, lines), default=SHORT + 1) > SHORT

    def flush(self) -> list[Joined]:
        lines, self._lines = self._lines, []
        return [(self._offset, b"\n".join(lines))] if lines else []

    @property
    def state(self) -> Any:
        return [self._offset, list(self._lines)] if self._lines else None

    def _more(self, offset: int, line: bytes) -> list[Joined]:
        if (
            line[:1] == b"{" and len(line) > 1 and line[-1:] == b"}"
        ):  # a whole record: the document before it has no end
            return [*self.flush(), (offset, line)]
        self._lines.append(line)
        self._size += len(line) + 1
        opened = self._lines[0].removeprefix(BOM).strip()
        if line.rstrip() in _ENDS[opened]:
            self._lines[-1] = line.rstrip().removesuffix(b",")
            return self.flush()
        return self.flush() if self._size >= self._limit else []
