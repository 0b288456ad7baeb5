"""Read one file as it grows: its bytes become batches of records, each with the place to go on from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from collector.contents import HEAD, Content, Mark, fingerprint
from collector.finding import Found
from collector.lines import MAX_LINE, PRINT, Cut, Dead, Lines
from collector.records import SAMPLE, Records, recognised
from event_model.event import Origin, Record
from event_model.parts import Batch

STEP = 1 << 18  # bytes read at once
SHORTEST_STEP = 1 << 12
MOST_RECORDS = 1024  # of a batch, roughly
MOST_DOCUMENT = 1 << 26  # bytes of a file that is one document
WHOLE_AFTER = 1.0  # seconds without a byte after which a document is taken for whole
JOINED_AFTER = 30.0  # and after which lines that wait for more of their record are one


@dataclass(frozen=True, slots=True)
class Reading:
    """What all files of one source have in common."""

    source: str
    format: str | None  # None: recognised from each file's first records
    cluster: str = ""
    host: str = ""
    max_line: int = MAX_LINE
    input: str = "file"
    clock: Callable[[], float] = time.monotonic

    def origin(self, path: str, format: str) -> Origin:
        return Origin(self.source, format, path, self.cluster, self.input, self.host)


class Tail:
    """One content being read, in whatever file it is by now."""

    def __init__(self, key: str, found: Found, content: Content, reading: Reading, head: bytes) -> None:
        """Reads `content`, which begins with `head`, from its start."""
        self.key, self.found, self.content = key, found, content
        self.named = found.named
        self.begins = head  # at most HEAD bytes, kept up as more come
        self.marked: Mark | None = None  # that of the last batch
        self.active = reading.clock()  # when the last bytes came
        self.at_end = False
        self.lost = False  # no path leads to it any more
        self._reading = reading
        self._limit = STEP
        self._head_print = (0, "")  # of how many bytes
        self._read = 0  # bytes
        self._lines = Lines(max_line=reading.max_line)
        self._held: list[
            bytes
        ] = []  # read, but not cut: the format is not known yet, or the document not whole
        self._held_size = self._tried = 0
        self._records: Records | None = None
        if reading.format:
            self._know(reading.format)

    def go_on(self, mark: Mark, before: bytes) -> None:
        """Read on from `mark` instead, to which the content was skipped; `before` are the bytes in front of it."""
        self.named, self.marked = mark.path, mark
        self._read = mark.offset
        self._lines = Lines(mark.offset, before, self._reading.max_line)
        if mark.format:
            self._know(mark.format, mark.joined)

    @property
    def recognised(self) -> bool:
        """Whether it is known what its records mean."""
        return self._records is not None

    def read(self) -> Batch | None:
        """The next records, if there are any yet; `at_end` tells whether all there is was read.

        Raises ValueError when what was read is no longer there, OSError when the file can't be read.
        """
        if self._records is None and self._held_size >= SAMPLE:
            self.at_end = True  # what follows would not be understood either
            return None
        data = self.content.read(self._limit)
        self.at_end = not data or (len(data) < self._limit and not self.content.packed)
        if not data:
            return None
        self.active = self._reading.clock()
        if self._read < HEAD:
            self.begins = (self.begins[: self._read] + data)[:HEAD]
        self._read += len(data)
        return self._take(data)

    def settle(self, idle: float) -> Batch | None:
        """What has waited for more, after so many seconds in which nothing came."""
        if self._records is None:
            whole = idle >= WHOLE_AFTER and self._held_size != self._tried
            self._tried = self._held_size
            return self._take(b"") if whole and self._recognise(b"".join(self._held) + b"\n") else None
        if self._records.documents:
            return self._document() if idle >= WHOLE_AFTER and self._held else None
        if idle >= JOINED_AFTER and self._records.joined is not None:
            return self._batch(*self._records.rest())
        return None

    def finish(self) -> Batch | None:
        """What has waited for more, where nothing follows: the file was moved away and its writer has left it."""
        if self._records is None and not self._recognise(b"".join(self._held) + b"\n"):
            return None
        assert self._records is not None
        if self._records.documents:
            return self._document() if self._held else None
        cut = self._lines.feed(self._release())
        records, dead = self._records.of(cut)
        for more, more_dead in (self._records.of(self._lines.rest()), self._records.rest()):
            records, dead = records + more, dead + more_dead
        return self._batch(records, dead) if records or dead else None

    def _take(self, data: bytes) -> Batch | None:
        if self._records is None and not self._recognise(b"".join((*self._held, data))):
            self._hold(data)
            return None
        assert self._records is not None
        if self._records.documents:
            self._hold(data)
            return self._document() if self._held_size > MOST_DOCUMENT else None
        cut = self._lines.feed(self._release() + data)
        self._pace(len(data), len(cut.lines))
        return self._cut_batch(cut)

    def _cut_batch(self, cut: Cut) -> Batch | None:
        assert self._records is not None
        records, dead = self._records.of(cut)
        return self._batch(records, dead) if records or dead else None

    def _pace(self, size: int, lines: int) -> None:
        """Read as much next time as makes about MOST_RECORDS lines."""
        self._limit = min(STEP, max(SHORTEST_STEP, size * MOST_RECORDS // lines)) if lines else STEP

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        self._held_size += len(data)

    def _release(self) -> bytes:
        data = b"".join(self._held)
        self._held, self._held_size = [], 0
        return data

    def _recognise(self, sample: bytes) -> bool:
        name = recognised(sample, self.named)
        if name:
            self._know(name)
        return name is not None

    def _know(self, name: str, joined: object = None) -> None:
        self._records = Records(name, joined)
        self._origin = self._reading.origin(self.named, name)

    def _document(self) -> Batch | None:
        assert self._records is not None
        document, offset = self._release(), self._lines.offset
        self._lines = Lines(offset + len(document), document[-PRINT:], self._reading.max_line)
        if len(document) > MOST_DOCUMENT:
            reason = f"a document of more than {MOST_DOCUMENT:,} bytes"
            return self._batch([], [(Record(document[:SAMPLE], offset), reason)])
        return self._batch(*self._records.whole(document, offset))

    def _batch(self, records: list[Record], dead: Dead) -> Batch:
        self.marked = self._mark()
        return Batch(self._origin, records, self.key, self.marked.plain(), self.marked.moved, dead)

    def _mark(self) -> Mark:
        lines, found = self._lines, self.found
        size = min(HEAD, lines.offset)
        if self._head_print[0] != size:
            self._head_print = size, fingerprint(self.begins[:size])
        return Mark(
            self.named, found.base, *found.inode, lines.offset, self._head_print[1], fingerprint(lines.before),
            self._records.name if self._records else "", time.time(), self._records.joined if self._records else None,
        )  # fmt: skip
