"""Events of a Docker engine or swarm, as `docker events --format json` and the Engine API give them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from collector.credentials import is_credential, mask, mask_bytes, suspicious
from collector.docker.behaviour import BEHAVIOUR
from collector.docker.events import Actor, Docker, build, read
from collector.documents import Documents
from collector.envelopes import chained, listed
from collector.joining import Joiner
from collector.secrets import MARK
from event_model.behaviour import Behaviour
from event_model.event import Event, Origin, Record

__all__ = ["Actor", "Docker", "Format"]


@dataclass(frozen=True, slots=True)
class Format:
    behaviour: ClassVar[Behaviour] = BEHAVIOUR

    def split(self, raw: bytes) -> Iterable[bytes]:
        """The events of a JSON array, or of objects that follow one another; else the record as it is."""
        if raw.startswith(b"{") and b"}{" not in raw and b"}\n" not in raw:
            return (raw,)
        if raw.lstrip().startswith(b"["):
            return listed(raw, "") or ()
        found = chained(raw)
        return found if len(found) > 1 else (raw,)

    def normalize(self, record: Record, origin: Origin) -> Event:
        """The event that one record tells of. Raises Unreadable for what has neither type nor action."""
        docker, malformed = read(record.raw)
        return build(record, origin, docker, malformed)

    def redact(self, record: Record, event: Event) -> Record:
        """The record with credentials in commands, labels and options of the daemon replaced."""
        if not suspicious(record.raw):
            return record
        raw = _masked(record.raw)
        return record if raw == record.raw else Record(raw, record.offset, record.hash())

    def joiner(self, state: Any = None) -> Joiner:
        """Joins the lines of pretty-printed events."""
        return Documents(state)

    @staticmethod
    def recognise(sample: bytes) -> float:
        head = sample[:20_000]
        if b'"Action":' in head and (b'"Actor":' in head or b'"timeNano":' in head):
            return 1.0 if b'"Type":' in head else 0.8
        return 0.6 if b'"status":' in head and b'"timeNano":' in head else 0.0


def _masked(raw: bytes) -> bytes:
    try:
        whole = msgspec.json.decode(raw, type=dict[str, Any])
    except (ValueError, RecursionError):  # written anew, it would be another event
        return mask_bytes(raw)
    masked = {name: _value(name, value) for name, value in whole.items()}
    return raw if masked == whole else msgspec.json.encode(masked)


def _value(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {inner: _value(inner, each) for inner, each in value.items()}
    if not isinstance(value, str):
        return value
    return MARK if is_credential(name) and value else mask(value)
