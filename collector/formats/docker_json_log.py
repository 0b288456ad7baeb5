"""Log files of containers as Docker's json-file driver writes them: an object with log, stream and time a line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from collector import lenient
from collector.container_logs import build
from collector.credentials import is_credential, mask, mask_bytes, suspicious
from collector.joining import Joiner, Pieces
from collector.log_behaviour import BEHAVIOUR
from collector.moments import NO_TIME, utc
from collector.secrets import MARK
from event_model.behaviour import Behaviour
from event_model.errors import Unreadable
from event_model.event import Event, Origin, Record


class Line(Struct, frozen=True):
    """One object of the file."""

    log: str | None = None
    stream: str = ""
    time: str = ""
    attrs: dict[str, str] | None = None

    @property
    def text(self) -> str:
        return self.log or ""


_decode = msgspec.json.Decoder(Line).decode


@dataclass(frozen=True, slots=True)
class Format:
    behaviour: ClassVar[Behaviour] = BEHAVIOUR
    envelope: ClassVar[bool] = False

    def split(self, raw: bytes) -> Iterable[bytes]:
        return (raw,)

    def normalize(self, record: Record, origin: Origin) -> Event:
        """The event of one line of a container. Raises Unreadable for what is no object with a `log`."""
        pieces = record.raw.split(b"\n")
        line, malformed = _read(pieces[0])
        timestamp = utc(line.time)
        if timestamp is None:
            timestamp, malformed = NO_TIME, (*malformed, "time")
        last = _read(pieces[-1])[0] if len(pieces) > 1 else line
        labels = {"malformed": ", ".join(dict.fromkeys(malformed))} if malformed else {}
        if not last.text.endswith("\n"):
            labels["partial"] = "true"
        return build(
            record, origin, _message, timestamp, line.stream or None, labels or None, line.attrs or None
        )

    def redact(self, record: Record, event: Event) -> Record:
        """The record with credentials in the line and in its attributes replaced."""
        if not suspicious(record.raw):
            return record
        raw = b"\n".join(map(_masked, record.raw.split(b"\n")))
        return record if raw == record.raw else Record(raw, record.offset, record.hash())

    def joiner(self, state: Any = None) -> Joiner:
        return Pieces(_piece, state, whole=_are_whole)

    @staticmethod
    def recognise(sample: bytes) -> float:
        lines = [line for line in sample.split(b"\n")[:50] if line]
        return sum(_looks_like(line) for line in lines) / len(lines) * 0.95 if lines else 0.0


def _read(raw: bytes) -> tuple[Line, tuple[str, ...]]:
    """A line, and the parts of it that were not as they should be. Raises Unreadable."""
    malformed: tuple[str, ...] = ()
    try:
        line = _decode(raw)
    except (ValueError, RecursionError):
        line, malformed = lenient.read(raw, Line)
    if line.log is None:
        raise Unreadable("no Docker log line: it has no log")
    return line, malformed


def _message(event: Event) -> str:
    return "".join(_read(piece)[0].text for piece in event.record.raw.split(b"\n")).removesuffix("\n")


def _piece(line: bytes) -> tuple[str, bool] | None:
    """The stream of a line, and whether its rest follows; None for what is no line of this format."""
    try:
        read = _decode(line)
    except (ValueError, RecursionError):
        return None
    return read.stream, not read.text.endswith("\n")


def _are_whole(lines: list[bytes]) -> bool:
    text = b"\n".join(lines)
    ends = text.count(b'\\n","stream":"')
    return (
        ends == len(lines) and b'\\\\n","stream":"' not in text
    )  # an escaped backslash and an n are no line end


def _masked(piece: bytes) -> bytes:
    try:
        line = msgspec.json.decode(piece, type=dict[str, Any])
    except (ValueError, RecursionError):
        return mask_bytes(piece)
    masked = {name: _mask(value) for name, value in line.items()}
    return piece if masked == line else msgspec.json.encode(masked)


def _mask(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if not isinstance(value, dict):
        return value
    return {name: MARK if is_credential(name) and text else mask(str(text)) for name, text in value.items()}


def _looks_like(line: bytes) -> bool:
    return line.startswith(b'{"log":"') or (b'"log":' in line and b'"stream":"std' in line)
