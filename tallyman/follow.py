"""Follow the journal as it grows, from this process or another."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from event_model.event import Event
from store.journal import Entry, Journal

MOST = 5_000  # events at one look


def follow(journal: Journal, normalize: Callable[[Entry], Event]) -> Iterator[list[Event]]:
    """The events that come from now on, as often as asked; an empty list where nothing has come."""
    partition, pointer = journal.end
    while True:
        fresh: list[Event] = []
        for name in [each for each in journal.partitions() if each >= partition]:
            if name != partition:
                partition, pointer = name, -1
            for entries in journal.entries(partition, pointer):
                pointer = entries[-1].pointer
                fresh += [normalize(entry) for entry in entries]
                if len(fresh) >= MOST:
                    break
        yield fresh
