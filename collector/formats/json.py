"""Any JSON object a line: its fields keep their names, and rules of every system are tried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from collector import lenient
from collector.credentials import mask_bytes, suspicious
from collector.documents import Documents
from collector.ecs_behaviour import BEHAVIOUR
from collector.envelopes import chained, listed
from collector.joining import Joiner
from collector.moments import NO_TIME, from_nanoseconds, utc
from collector.sentences import clean
from event_model.behaviour import Behaviour
from event_model.event import Event, Origin, Record

DATASET = "json"
_TIMES = (
    "@timestamp",
    "timestamp",
    "time",
    "ts",
    "datetime",
    "eventTime",
    "EventTime",
    "UtcTime",
    "TimeCreated",
    "date",
)
_TEXTS = ("message", "msg", "log", "text", "event")
# numbers are nanoseconds, microseconds, milliseconds or seconds, by their size
_UNITS = ((10**17, 1), (10**14, 10**3), (10**11, 10**6), (1, 10**9))


@dataclass(frozen=True, slots=True)
class Format:
    behaviour: ClassVar[Behaviour] = BEHAVIOUR

    def split(self, raw: bytes) -> Iterable[bytes]:
        """The objects of a JSON array, or those that follow one another; else the record as it is."""
        if raw.startswith(b"{") and b"}{" not in raw and b"}\n" not in raw:
            return (raw,)
        if raw.lstrip().startswith(b"["):
            return listed(raw, "") or ()
        found = chained(raw)
        return found if len(found) > 1 else (raw,)

    def normalize(self, record: Record, origin: Origin) -> Event:
        """The object as an event. Raises Unreadable for what is no JSON object."""
        native, malformed = _read(record.raw)
        labels = {"malformed": ", ".join(dict.fromkeys(malformed))} if malformed else None
        return Event(
            record, origin, native, _message, _moment(native), DATASET,
            cluster=origin.cluster or None, labels=labels, repeats=True,
        )  # fmt: skip

    def redact(self, record: Record, event: Event) -> Record:
        """The record without what looks like a credential."""
        if not suspicious(record.raw):
            return record
        raw = mask_bytes(record.raw)
        return record if raw is record.raw else Record(raw, record.offset, record.hash())

    def joiner(self, state: Any = None) -> Joiner:
        """Joins the lines of pretty-printed objects."""
        return Documents(state)

    @staticmethod
    def recognise(sample: bytes) -> float:
        """Just sure enough where nearly every line is an object: any other format knows more."""
        lines = [line for line in sample.removeprefix(lenient.BOM).split(b"\n")[:20] if line.strip()]
        objects = sum(map(_is_object, lines))
        return 0.5 if objects and objects >= 0.7 * len(lines) else 0.0


def _read(raw: bytes) -> tuple[dict[str, Any], list[str]]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any]), []
    except (ValueError, RecursionError):
        fields, malformed = lenient.fields(raw)
        return {name: _member(name, value, malformed) for name, value in fields.items()}, malformed


def _member(name: str, value: bytes, malformed: list[str]) -> Any:
    try:
        return msgspec.json.decode(value)
    except (ValueError, RecursionError):  # a number beyond all bounds, or nested too deeply
        malformed.append(name)
        return None


def _moment(native: dict[str, Any]) -> str:
    """The first of the usual members that holds a time."""
    for name in _TIMES:
        value = native.get(name)
        if isinstance(value, str) and (moment := utc(value) or utc(f"{value}Z")):
            return moment
        if isinstance(value, int | float) and value >= 1:
            factor = next(factor for least, factor in _UNITS if value >= least)
            nanoseconds = value * factor if isinstance(value, int) else round(value * factor / 1000) * 1000
            if moment := from_nanoseconds(nanoseconds):
                return moment
    return NO_TIME


def _message(event: Event) -> str:
    for name in _TEXTS:
        if isinstance(value := event.native.get(name), str) and value:
            return value
    return clean(event.record.raw.decode("utf-8", "replace"))


def _is_object(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=dict[str, Any])
    except (ValueError, RecursionError):
        return False
    return True
