"""Read a file or a stream once, from its start to its end, for `scan` and `normalize`."""

from __future__ import annotations

import os
import sys
import time
import zlib
from collections.abc import Iterator

import msgspec
from msgspec import Raw

from collector.inflating import MAGIC, Inflater
from collector.lines import BOM, MAX_LINE, Dead, Lines
from collector.records import SAMPLE, Records, recognised
from collector.tailing import MOST_DOCUMENT, MOST_RECORDS, Reading
from event_model.errors import Unreadable
from event_model.event import Record
from event_model.parts import Batch

STDIN = "-"
STEP = 1 << 18  # bytes read at once: more does not fit the cache


def read_file(
    path: str, format: str | None = None, *, max_line: int = MAX_LINE, source: str = "file", cluster: str = ""
) -> Iterator[Batch]:
    """The records of a file, plain or packed by gzip, or of standard input where the path is `-`.

    Without a format it is recognised. Raises OSError for a file that can't be read; Unreadable, after what could
    be read, for one that is packed and damaged, and for one whose format is not recognised.
    """
    reading = Reading(source, format, cluster, max_line=max_line, input="stdin" if path == STDIN else "file")
    stream = Stream(reading, path)
    pieces = _unpacked(path)
    start = _start(pieces)
    stream.recognise(start)
    if stream.documents or _is_cut(start):
        document = _gather(start, pieces)
        if stream.documents or (len(document) <= MOST_DOCUMENT and _is_json(document)):
            yield from stream.document(document)
            return
        start = document
    try:
        yield from stream.feed(start)
        for piece in pieces:
            yield from stream.feed(piece)
    except Unreadable:
        yield from stream.end()  # what came before the damage
        raise
    yield from stream.end()


def line_number(path: str, offset: int) -> int:
    """The line, counted from 1, that the byte at `offset` of a file stands in."""
    line, left = 1, offset
    for piece in _unpacked(path):
        line += piece.count(b"\n", 0, left)
        left -= len(piece)
        if left <= 0:
            break
    return line


class Stream:
    """The batches of what is read once: `feed` takes the next bytes, `end` gives what waited for more."""

    def __init__(self, reading: Reading, path: str) -> None:
        self._reading, self._path = reading, path
        self._lines = Lines(max_line=reading.max_line)
        self._held = b""
        self._records: Records | None = None
        self._origin = reading.origin(path, reading.format or "")
        if reading.format:
            self._know(reading.format)

    @property
    def documents(self) -> bool:
        return self._records is not None and self._records.documents

    def recognise(self, sample: bytes) -> bool:
        """Whether the format is known, or these first bytes tell it."""
        if self._records is None and (name := recognised(sample, self._path)):
            self._know(name)
        return self._records is not None

    def feed(self, data: bytes) -> Iterator[Batch]:
        if self._held:
            data, self._held = self._held + data, b""
        if self._records is None and not self.recognise(data):
            if len(data) >= SAMPLE:
                raise self._unknown()
            self._held = data
            return
        assert self._records is not None
        yield from self._batches(*self._records.of(self._lines.feed(data)))

    def end(self) -> Iterator[Batch]:
        """Raises Unreadable if no format was recognised."""
        held, self._held = self._held, b""
        if self._records is None:
            if not held.strip():
                return
            if not self.recognise(held + b"\n"):
                raise self._unknown()
        assert self._records is not None
        yield from self._batches(*self._records.of(self._lines.feed(held)))
        yield from self._batches(*self._records.of(self._lines.rest()))
        yield from self._batches(*self._records.rest())

    def document(self, document: bytes) -> Iterator[Batch]:
        """All of it as one document."""
        if not self.recognise(document[:SAMPLE] + b"\n"):
            raise self._unknown()
        assert self._records is not None
        text = document.removeprefix(BOM)
        if len(text) > MOST_DOCUMENT:
            record = Record(text[:SAMPLE])
            yield from self._batches([], [(record, f"a document of more than {MOST_DOCUMENT:,} bytes")])
        elif text.strip():
            yield from self._batches(*self._records.whole(text, len(document) - len(text)))

    def _batches(self, records: list[Record], dead: Dead) -> Iterator[Batch]:
        received = time.time()
        for start in range(0, len(records), MOST_RECORDS):
            some = records[start : start + MOST_RECORDS]
            yield Batch(self._origin, some, self._path, None, received)
        if dead:
            yield Batch(self._origin, [], self._path, None, received, dead)

    def _know(self, name: str) -> None:
        self._records = Records(name)
        self._origin = self._reading.origin(self._path, name)

    def _unknown(self) -> Unreadable:
        return Unreadable(
            f"{self._path}: no format recognises its first records; name one: --format (`tallyman formats` lists them)"
        )


def _unpacked(path: str) -> Iterator[bytes]:
    """The bytes of a file, unpacked. Raises Unreadable when packed ones are damaged."""
    file = os.dup(sys.stdin.fileno()) if path == STDIN else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        first = os.read(file, STEP)
        while 0 < len(first) < len(MAGIC) and (more := os.read(file, STEP)):
            first += more
        if first.startswith(MAGIC):
            yield from _inflated(path, file, first)
            return
        while first:
            yield first
            first = os.read(file, STEP)
    finally:
        os.close(file)


def _inflated(path: str, file: int, packed: bytes) -> Iterator[bytes]:
    inflater = Inflater()
    try:
        while packed:
            for start in range(0, len(packed), SAMPLE):
                inflater.feed(packed[start : start + SAMPLE])
                while data := inflater.read(STEP):
                    yield data
            packed = os.read(file, STEP)
    except zlib.error as error:
        raise Unreadable(f"{path}: damaged gzip: {error}; what came before was read") from None
    if not inflater.whole:
        raise Unreadable(f"{path}: the gzip data end too early; what came before was read")


def _start(pieces: Iterator[bytes]) -> bytes:
    """The first bytes: at least a line if there is one."""
    start = b""
    while b"\n" not in start and len(start) < SAMPLE and (piece := next(pieces, b"")):
        start += piece
    return start


def _is_cut(start: bytes) -> bool:
    """Whether the first line is the beginning of a JSON text that goes on."""
    line = start.removeprefix(BOM).lstrip().partition(b"\n")[0]
    return line[:1] in (b"{", b"[") and not _is_json(line)


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text.removeprefix(BOM), type=Raw)
    except (ValueError, RecursionError):
        return False
    return True


def _gather(start: bytes, pieces: Iterator[bytes]) -> bytes:
    """All there is, up to a bit more than a document may hold."""
    gathered, size = [start], len(start)
    while size <= MOST_DOCUMENT and (piece := next(pieces, b"")):
        gathered.append(piece)
        size += len(piece)
    return b"".join(gathered)
