"""Events whose raw record tells all of them, so that a store can make them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from event_model.event import Event, Origin, Record
from event_model.parts import Batch
from store.embedded import Embedded
from store.journal import Entry, Journal
from store.query import parse

ORIGIN = Origin("test", "test", path="/var/log/test.log", cluster="prod")
_TUPLES = {"category", "type", "images", "args"}
NOON = "2026-11-23T12:00:00.000000Z"


def make(number: int = 0, timestamp: str = NOON, message: str = "", **attributes: Any) -> Event:
    """An event with these attributes; `number` tells it from others."""
    told = {"number": number, "timestamp": timestamp, "message": message, **attributes}
    return from_raw(msgspec.json.encode(told), ORIGIN)


def from_raw(raw: bytes, origin: Origin = ORIGIN) -> Event:
    told: dict[str, Any] = msgspec.json.decode(raw)
    number, message = told.pop("number"), told.pop("message")
    attributes: dict[str, Any] = {
        key: tuple(value) if key in _TUPLES else value for key, value in told.items()
    }
    attributes = {"dataset": "test", "native": {}, "id": str(number), **attributes}
    return Event(record=Record(raw), origin=origin, sentence=lambda event: message, **attributes)


def normalize(entry: Entry) -> Event:
    return from_raw(entry.record.raw, entry.origin)


def numbers(events: list[Event]) -> list[int]:
    return [int(event.id) for event in events]


def append(journal: Journal, events: list[Event]) -> list[Entry]:
    records = [event.record for event in events]
    return journal.append(Batch(ORIGIN, records, "test", None, received=1_795_435_200.0), {})


class Keeper:
    """A journal, the process that writes its indexes, and one that searches them."""

    def __init__(self, root: Any, **options: Any) -> None:
        self.journal = Journal(root, writable=True, **options)
        self.writer = Embedded(root, normalize, writable=True)
        self.store = Embedded(root, normalize)

    def keep(self, events: list[Event]) -> list[Entry]:
        """Searchable when it returns."""
        entries = append(self.journal, events)
        self.writer.add(zip(entries, events, strict=True))
        self.writer.commit()
        return entries

    def close(self) -> None:
        self.store.close()
        self.writer.close()
        self.journal.close()


def some(begin: int, end: int) -> list[Event]:
    return [
        make(number, f"2026-11-23T12:{number // 60 % 60:02}:{number % 60:02}Z", str(number) * 40)
        for number in range(begin, end)
    ]


def found(store: Embedded, text: str = "") -> list[int]:
    return numbers(store.search(parse(text), limit=10_000, oldest_first=True).events)


def fill(root: Path, parts: int) -> None:
    """A store of several partitions with ten events each."""
    keeper = Keeper(root, roll_bytes=1)
    for part in range(parts):
        keeper.keep(some(part * 10, part * 10 + 10))
    keeper.close()
