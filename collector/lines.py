"""Cut bytes into lines, whatever pieces they come in, and bound what one line may take."""

from __future__ import annotations

import hashlib
from itertools import accumulate

from msgspec import Struct

from event_model.event import Record

MAX_LINE = 1 << 24  # bytes; longer lines are dead letters (a kube-apiserver's own bound is 10 MiB)
HEAD_KEPT = 1 << 16  # bytes of a line that is too long
PRINT = 256  # bytes before a position by which a file is known again
BOM = b"\xef\xbb\xbf"

Dead = list[tuple[Record, str]]


class Cut(Struct, frozen=True):
    """The lines that one piece completed, without their ends, and the offset of each; blank ones are left out."""

    lines: list[bytes]
    offsets: list[int]
    dead: Dead  # the lines that were too long


class _Long:
    """A line that is too long: its first bytes, and length and hash of all of it."""

    def __init__(self, start: bytes) -> None:
        self.head, self.last, self.size, self.hash = start[:HEAD_KEPT], b"", 0, hashlib.sha256()
        self.add(start)

    def add(self, more: bytes) -> None:
        self.size += len(more)
        self.last = _last(self.last, more)
        self.hash.update(more)

    def record(self, offset: int) -> Record:
        return Record(self.head, offset, self.hash.hexdigest())


class Lines:
    """A file or stream as lines: `feed` takes the next bytes, `rest` gives what has no line end.

    `offset` is that of the first byte that no line holds yet: to read on from there is to lose and repeat nothing.
    """

    def __init__(self, offset: int = 0, before: bytes = b"", max_line: int = MAX_LINE) -> None:
        """`before`: what stands before `offset`, as far as it is known."""
        self.offset = offset
        self.before = before[-PRINT:]  # the last bytes before `offset`
        self._pending = b""
        self._long: _Long | None = None
        self._max = max_line

    def feed(self, data: bytes) -> Cut:
        """Take the next bytes and give the lines that end in them."""
        dead: Dead = []
        if self._long:
            end = data.find(b"\n")
            self._long.add(data if end < 0 else data[:end])
            if end < 0:
                return Cut([], [], dead)
            self._bury(dead, b"\n")
            data = data[end + 1 :]
        lines = data.split(b"\n")
        begun, self._pending = self._pending, lines.pop()
        if not lines:
            self._pending = begun + self._pending
        if len(self._pending) > self._max:
            self._long, self._pending = _Long(self._pending), b""
        if not lines:
            return Cut([], [], dead)
        lines[0] = begun + lines[0]
        self._step(begun, data)
        return self._cut(lines, dead, b"\r" in data or b"\r" in begun)

    def rest(self) -> Cut:
        """What came after the last line end, as a line: for where nothing follows."""
        lines, offsets, dead = list[bytes](), list[int](), Dead()
        if self._long:
            self._bury(dead, b"")
        elif self._pending:
            line, self._pending = self._pending, b""
            lines, offsets = self._clean([line], [self.offset])
            self.offset += len(line)
            self.before = _last(self.before, line)
        return Cut(lines, offsets, dead)

    def _bury(self, dead: Dead, line_end: bytes) -> None:
        assert self._long is not None
        dead.append((self._long.record(self.offset), self._reason(self._long.size)))
        self.offset += self._long.size + len(line_end)
        self.before = _last(self._long.last, line_end)
        self._long = None

    def _step(self, begun: bytes, data: bytes) -> None:
        """Keep up `before` when lines of `begun` and `data` end."""
        end = data.rfind(b"\n") + 1
        self.before = data[end - PRINT : end] if end >= PRINT else _last(self.before, begun + data[:end])

    def _cut(self, lines: list[bytes], dead: Dead, returns: bool) -> Cut:
        """These lines with their offsets; `returns` tells whether carriage returns are among the bytes."""
        sizes = [len(line) + 1 for line in lines]
        offsets = list(accumulate(sizes, initial=self.offset))
        self.offset = offsets.pop()
        if max(sizes) > self._max + 1:
            for line, offset in zip(lines, offsets, strict=True):
                if len(line) > self._max:
                    dead.append((_Long(line).record(offset), self._reason(len(line))))
            kept = [n for n, line in enumerate(lines) if len(line) <= self._max]
            lines, offsets = [lines[n] for n in kept], [offsets[n] for n in kept]
        if returns or b"" in lines or offsets[:1] == [0]:
            lines, offsets = self._clean(lines, offsets)
        return Cut(lines, offsets, dead)

    def _clean(self, lines: list[bytes], offsets: list[int]) -> tuple[list[bytes], list[int]]:
        """Without byte-order mark, carriage returns before line ends, and blank lines."""
        if offsets and offsets[0] == 0 and lines[0].startswith(BOM):
            lines[0], offsets[0] = lines[0][len(BOM) :], len(BOM)
        pairs = [(line.removesuffix(b"\r"), offset) for line, offset in zip(lines, offsets, strict=True)]
        pairs = [pair for pair in pairs if pair[0]]
        return [line for line, _ in pairs], [offset for _, offset in pairs]

    def _reason(self, size: int) -> str:
        return f"a line of {size:,} bytes; max_line is {self._max:,}"


def _last(before: bytes, data: bytes) -> bytes:
    return data[-PRINT:] if len(data) >= PRINT else (before + data)[-PRINT:]
