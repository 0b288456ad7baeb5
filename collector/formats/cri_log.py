"""Log files of containers as containerd and CRI-O write them: time, stream, partial or full, and the line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from collector.container_logs import build
from collector.credentials import mask_bytes
from collector.joining import Joiner, Pieces
from collector.log_behaviour import BEHAVIOUR
from collector.moments import utc
from event_model.behaviour import Behaviour
from event_model.errors import Unreadable
from event_model.event import Event, Origin, Record

_STREAMS = {b"stdout": "stdout", b"stderr": "stderr"}


@dataclass(frozen=True, slots=True)
class Format:
    behaviour: ClassVar[Behaviour] = BEHAVIOUR
    envelope: ClassVar[bool] = False

    def split(self, raw: bytes) -> Iterable[bytes]:
        return (raw,)

    def normalize(self, record: Record, origin: Origin) -> Event:
        """The event of one line of a container. Raises Unreadable for what has no time, stream and tag."""
        first, more, last = record.raw.partition(b"\n")
        moment, stream, tag = _cut(first)
        timestamp = utc(moment.decode("ascii", "replace"))
        if timestamp is None:
            raise Unreadable(f"no CRI log line: {_show(moment)} is no time")
        if more:
            tag = _cut(last.rpartition(b"\n")[2])[2]
        labels = {"partial": "true"} if tag.startswith(b"P") else None
        return build(record, origin, _message, timestamp, stream, labels, pods=True)

    def redact(self, record: Record, event: Event) -> Record:
        raw = mask_bytes(record.raw)
        return record if raw is record.raw else Record(raw, record.offset, record.hash())

    def joiner(self, state: Any = None) -> Joiner:
        return Pieces(_piece, state, whole=_are_whole)

    @staticmethod
    def recognise(sample: bytes) -> float:
        lines = [line for line in sample.split(b"\n")[:50] if line]
        return sum(_looks_like(line) for line in lines) / len(lines) * 0.95 if lines else 0.0


def _cut(line: bytes) -> tuple[bytes, str, bytes]:
    """Time, stream and tag of a line. Raises Unreadable."""
    parts = line.split(b" ", 3)
    if len(parts) < 3:
        raise Unreadable("no CRI log line: it needs a time, a stream and a tag")
    stream, tag = _STREAMS.get(parts[1]), parts[2]
    if stream is None:
        raise Unreadable(f"no CRI log line: {_show(parts[1])} is neither stdout nor stderr")
    if not _is_tag(tag):
        raise Unreadable(f"no CRI log line: {_show(tag)} is neither F nor P")
    return parts[0], stream, tag


def _is_tag(tag: bytes) -> bool:
    """F or P; more tags may follow after colons."""
    return tag in (b"F", b"P") or tag.startswith((b"F:", b"P:"))


def _show(part: bytes) -> str:
    return repr(part[:40].decode("utf-8", "replace"))


def _message(event: Event) -> str:
    return b"".join(map(_text, event.record.raw.split(b"\n"))).decode("utf-8", "replace")


def _text(line: bytes) -> bytes:
    parts = line.split(b" ", 3)
    return parts[3] if len(parts) > 3 else b""


def _piece(line: bytes) -> tuple[str, bool] | None:
    """The stream of a line, and whether its rest follows; None for what is no line of this format."""
    parts = line.split(b" ", 3)
    if len(parts) < 3 or parts[1] not in _STREAMS or not _is_tag(parts[2]):
        return None
    return _STREAMS[parts[1]], parts[2].startswith(b"P")


def _are_whole(lines: list[bytes]) -> bool:
    text = b"\n".join(lines)
    return b" stdout P" not in text and b" stderr P" not in text


def _looks_like(line: bytes) -> bool:
    return _piece(line) is not None and line[4:5] == b"-" and line[10:11] == b"T"
