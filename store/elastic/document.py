"""Make the document that stands in the cluster for an event, so that no server refuses it.

It holds what the mapping knows and nothing else, each value as its field's type takes it: neither a hostile
record nor one of tomorrow can meet the mapping in a way that was not thought of. Fields that hold more than is
searched are named in `tallyman.long`. The record itself stands there whole, for events are made again from it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain, compress
from operator import attrgetter
from typing import Any

import orjson
from msgspec import Struct

from event_model.event import Event, Origin
from event_model.fields import FIELDS, native
from store.block import Entry
from store.elastic.cleaning import SHORT, Clean, Notes, Slot, slot_of, slots_of
from store.elastic.flat import units
from store.elastic.names import Names, known
from store.query.matcher import moment
from store.query.words import words
from store.times import rfc3339

RECORD = "tallyman.record"  # of what is native without a name of its own
_LONGEST_WORD = 255  # UTF-16 units; the server cuts a longer one into several
_MOST_PARSED = 2 << 20  # bytes of a record that is searched by its own fields
_LONG = 1 << 63
_AHEAD = 60_000_000  # microseconds that an event's clock may be ahead of ours


class Document(Struct, frozen=True, gc=False):
    """A document on its way, and the entry that it was made of."""

    id: str  # 40 hex digits
    stream: str  # data stream
    source: bytes  # JSON in one line
    entry: Entry
    time: int = 0  # nobody wrote it before: microseconds since the epoch; 0: that is not known


class Documents:
    """Makes documents that fit a mapping: its `properties`, as the index template has them."""

    def __init__(self, properties: Mapping[str, Any], names: Names) -> None:
        self._names = names
        self._streams: dict[str, tuple[str, dict[str, str]]] = {}
        slots = {
            field: slot
            for field in FIELDS.values()
            if not field.name.startswith("data_stream.") and (slot := slot_of(properties, field.name))
        }
        self._tree = Tree(slot.parents for slot in slots.values())
        # most fields are attributes of the event and are read all at once: those where what is false is nothing
        plain = [
            field for field in slots
            if field.attribute in Event.__struct_fields__ and field.kind not in ("boolean", "long")
        ]  # fmt: skip
        self._read = attrgetter(*(field.attribute for field in plain))
        self._plain = [self._tree.placed(slots[field]) for field in plain]
        self._others = [
            (field.read, self._tree.placed(slot)) for field, slot in slots.items() if field not in plain
        ]
        self._natives = slots_of(properties)

    def make(self, entry: Entry, event: Event, ingested: str, *, raw: bool = True) -> Document:
        """The document of an event. `ingested`: RFC 3339, now; `raw`: with the record itself."""
        notes = Notes()
        document = self._fields(event, notes)
        if event.native:
            self._add_native(document, event, notes)
        told, ours = document["event"], document["tallyman"]
        ours.update(_ours(entry, event, ours["id"]))
        ours["words"] = _words({"message": document.get("message"), "command": event.command_line}, notes)
        if notes.long:
            ours["long"] = sorted(set(notes.long))
        if notes.inner:
            ours["inner"] = sorted(notes.inner)
        if "@timestamp" not in document:
            document["@timestamp"] = rfc3339(ours["time"])
        stream, document["data_stream"] = self._stream(event.dataset)
        told["ingested"] = ingested
        if not raw:
            ours["digest"] = entry.record.hash()  # what is made again of it has the same id
        else:
            try:
                told["original"] = entry.record.raw.decode()
            except UnicodeDecodeError:
                ours["raw"] = base64.b64encode(entry.record.raw).decode()
        return Document(ours["id"], stream, encode(document), entry, _since(entry, event, ours["time"]))

    def _stream(self, dataset: str) -> tuple[str, dict[str, str]]:
        """The data stream of a dataset: its name, and what its documents say of it."""
        dataset = known(dataset)
        found = self._streams.get(dataset)
        if found is None:
            told = {"type": "logs", "dataset": dataset, "namespace": self._names.namespace}
            found = self._streams[dataset] = self._names.stream(dataset), told
        return found

    def _fields(self, event: Event, notes: Notes) -> dict[str, Any]:
        """The ECS fields, nested."""
        parts = self._tree.parts()
        plain = self._read(event)
        others = [(value, slot) for read, slot in self._others if (value := read(event)) or value == 0]
        for value, (place, last, clean, is_text) in chain(
            compress(zip(plain, self._plain, strict=True), plain), others
        ):
            if not (is_text and type(value) is str and len(value) <= SHORT):
                value = clean(value, notes)
                if value is None:
                    continue
            part = parts[place]
            if part is None:
                part = parts[place] = {}
            part[last] = value
        return self._tree.whole(parts)

    def _add_native(self, document: dict[str, Any], event: Event, notes: Notes) -> None:
        name = event.native_name if event.native_name in self._natives else RECORD
        if len(event.record.raw) > _MOST_PARSED:
            notes.long.append(name)
            return
        slot = self._natives[name]
        value = slot.clean(native(event) if slot.is_whole else event.native, notes)
        if value is not None:
            _within(document, slot.parents)[slot.last] = value


def _ours(entry: Entry, event: Event, id: str) -> dict[str, Any]:
    """What orders events, and what they are made again from."""
    record, origin = entry.record, entry.origin
    found: dict[str, Any] = {
        "time": moment(event.timestamp),
        "order": int(id[:16], 16) >> 1,
        "received": _received(entry.received),
        "record_offset": record.offset,
        "origin": _origin(origin),
    }
    if record.digest:
        found["digest"] = record.digest
    if entry.reason:
        found["dead_reason"] = entry.reason
    if event.subresource:
        found["subresource"] = event.subresource
    return found


def _since(entry: Entry, event: Event, time: int) -> int:
    """From when on another collector may have written it: the event's time, where that tells.

    A dead letter's is when it was read here, and what is ahead of the clock was written before it was.
    """
    return 0 if event.kind == "pipeline_error" or time > entry.received * 1e6 + _AHEAD else time


@lru_cache(16)
def _received(seconds: float) -> str:
    """RFC 3339 with microseconds."""
    return rfc3339(round(seconds * 1e6))


@lru_cache(256)
def _origin(origin: Origin) -> dict[str, str]:
    found = {name: value for name in Origin.__struct_fields__ if (value := getattr(origin, name))}
    return {**found, "input": origin.input}


def _words(texts: Mapping[str, str | None], notes: Notes) -> dict[str, str]:
    """The words of the texts, as the query language cuts them, to be split at blanks."""
    found = {}
    for name, text in texts.items():
        several = words(text) if text else []
        if several:
            found[name] = " ".join(several)
            if len(text or "") > _LONGEST_WORD // 2 and max(map(units, several)) > _LONGEST_WORD:
                notes.long.append(f"tallyman.words.{name}")
    return found


def encode(document: Any) -> bytes:
    """The document as JSON in one line, whatever texts and numbers are in it."""
    try:
        return orjson.dumps(document)
    except (TypeError, ValueError):
        return orjson.dumps(_encodable(document))


def _encodable(value: Any) -> Any:
    """Without halves of surrogate pairs and whole numbers beyond 64 bits."""
    if isinstance(value, dict):
        return {_encodable(name): _encodable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not -_LONG <= value < _LONG:
        return float(value)
    return value


def _within(document: dict[str, Any], parents: tuple[str, ...]) -> dict[str, Any]:
    for name in parents:
        document = document.setdefault(name, {})
    return document


class Tree:
    """The objects of a document, numbered from the outermost in, so that fields are put in by number."""

    def __init__(self, paths: Iterable[tuple[str, ...]]) -> None:
        whole = {path[:length] for path in paths for length in range(len(path) + 1)} | {()}
        self._number = {path: number for number, path in enumerate(sorted(whole, key=len))}
        inner = list(self._number)[:0:-1]
        self._inside_out = [(self._number[path], self._number[path[:-1]], path[-1]) for path in inner]

    def placed(self, slot: Slot) -> tuple[int, str, Clean, bool]:
        return self._number[slot.parents], slot.last, slot.clean, slot.is_keyword

    def parts(self) -> list[dict[str, Any] | None]:
        """One for each object; only the outermost is there so far."""
        return [{}, *[None] * (len(self._number) - 1)]

    def whole(self, parts: list[dict[str, Any] | None]) -> dict[str, Any]:
        """The outermost object with all those inside that are there."""
        for number, outer, name in self._inside_out:
            part = parts[number]
            if part is not None:
                around = parts[outer]
                if around is None:
                    around = parts[outer] = {}
                around[name] = part
        return parts[0] or {}
