"""Make records of lines: pieces joined, envelopes opened, what can't be is a dead letter with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, starmap
from typing import Any

from collector.formats import FORMATS, recognise
from collector.joining import Joined, Joiner
from collector.lines import Cut, Dead
from event_model.errors import Unreadable
from event_model.event import Record

SAMPLE = 1 << 16  # first bytes by which a format is recognised


class Records:
    """Makes records of the lines of one content, in one format."""

    def __init__(self, name: str, joined: Any = None) -> None:
        """`joined`: the state in which an earlier one was. Raises ConfigError for a format that does not exist."""
        self.name = name
        format = FORMATS.make(name)
        self.documents: bool = getattr(format, "documents", False)
        self._split = format.split
        self._envelopes: bool = getattr(format, "envelope", True)
        self._single: bytes = getattr(format, "single", b"")
        self._joiner: Joiner | None = format.joiner(joined) if hasattr(format, "joiner") else None

    @property
    def joined(self) -> Any:
        """Lines that wait for more of their record, as plain data."""
        return self._joiner.state if self._joiner else None

    def of(self, cut: Cut) -> tuple[list[Record], Dead]:
        """The records that these lines complete."""
        joiner, lines, offsets = self._joiner, cut.lines, cut.offsets
        if joiner is not None and not joiner.passes(lines):
            pairs = zip(offsets, lines, strict=True)
            return self._open(chain.from_iterable(starmap(joiner.feed, pairs)), cut.dead), cut.dead
        if self._may_hold_more(lines):
            return self._open(zip(offsets, lines, strict=True), cut.dead), cut.dead
        return list(map(Record, lines, offsets)), cut.dead

    def _may_hold_more(self, lines: list[bytes]) -> bool:
        """Whether a line may be an envelope, which only the format can tell."""
        if not self._envelopes:
            return bool(lines) and lines[0][:1] == b"["
        single = self._single
        return not single or not all([line.startswith(single) for line in lines])

    def rest(self) -> tuple[list[Record], Dead]:
        """What still waited for more, where nothing follows."""
        dead: Dead = []
        return self._open(self._joiner.flush() if self._joiner else (), dead), dead

    def whole(self, document: bytes, offset: int = 0) -> tuple[list[Record], Dead]:
        """The records of a document that may span lines."""
        dead: Dead = []
        return self._open([(offset, document)], dead), dead

    def _open(self, joined: Iterable[Joined], dead: Dead) -> list[Record]:
        """The items of envelopes; what is none is a record itself."""
        split, records = self._split, list[Record]()
        add = records.append
        for offset, raw in joined:
            try:
                for item in split(raw):
                    add(Record(item, offset))
            except Unreadable as error:
                dead.append((Record(raw, offset), str(error)))
        return records


def recognised(sample: bytes, path: str) -> str | None:
    """The format that a file begins in; None where none is sure, or no line is complete yet."""
    end = sample.rfind(b"\n", 0, SAMPLE) + 1
    if not end and len(sample) < SAMPLE:
        return None
    return recognise(sample[: end or SAMPLE], path)
