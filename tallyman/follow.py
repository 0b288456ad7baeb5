"""Follow a store as it grows, from this process or another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from event_model.event import Event
from store.journal import Entry, Journal

MOST = 500  # events at one look
Place = tuple[str, int]  # partition, pointer


@dataclass(slots=True)
class Follower:
    """A reader of the journal that stands behind `place`. `gone`: what it was to go on from is deleted."""

    journal: Journal
    normalize: Callable[[Entry], Event]
    place: Place
    gone: bool = False

    def look(self) -> list[tuple[Place, Event]]:
        """The next events that have come, each with its place; none where nothing has come."""
        for partition in self.journal.partitions():
            if partition < self.place[0]:
                continue
            pointer = self.place[1] if partition == self.place[0] else -1
            found = self._read(partition, pointer)
            if found:
                self.place = found[-1][0]
                return found
        return []

    def _read(self, partition: str, pointer: int) -> list[tuple[Place, Event]]:
        found: list[tuple[Place, Event]] = []
        for entries in self.journal.entries(partition, pointer):
            found += [((partition, entry.pointer), self.normalize(entry)) for entry in entries]
            if len(found) >= MOST:
                break
        return found


def follower(journal: Journal, normalize: Callable[[Entry], Event], place: Place | None = None) -> Follower:
    """A reader of what comes behind a place, or from now on."""
    if place is None:
        return Follower(journal, normalize, journal.end)
    partitions = journal.partitions()
    gone = bool(place[0]) and place[0] not in partitions
    return Follower(journal, normalize, place, gone)


def follower_of(store: Any, place: Place | None = None) -> Any:
    """A reader of what comes to a store: a Follower, or for a cluster one with the same methods."""
    from store.embedded import Embedded

    if isinstance(store, Embedded):
        return follower(Journal(store.root), store.normalize, place)
    return store.follow(place)


def follow(reader: Any) -> Iterator[list[Event]]:
    """The events that come to a reader, as often as asked; an empty list where nothing has come."""
    while True:
        yield [event for _, event in reader.look()]
