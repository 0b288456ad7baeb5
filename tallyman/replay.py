"""Try dead letters again: what a mended or newly named format understands goes the whole path, once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import click
from msgspec.structs import replace

from event_model.errors import Unreadable
from event_model.event import Event, Record, identity
from event_model.parts import Batch
from store.query import parse
from tallyman.normalizer import Normalizer
from tallyman.opening import configuration, opened
from tallyman.running import running
from tallyman.states import open_state

LETTERS = "event.kind:pipeline_error"
PAGE = 500


@dataclass(slots=True)
class Again:
    """A source of what is understood now. Each letter has a position of its own, so that it is replayed once."""

    letters: list[Event]
    format: str | None
    normalizer: Normalizer
    done: list[str] = field(default_factory=list)
    left: int = 0

    def read(self, positions: dict[str, Any], stop: threading.Event) -> Iterator[Batch]:
        for letter in self.letters:
            id = identity(letter)
            key = f"deadletter:{id}"
            if key in positions:
                self.done.append(id)
                continue
            batch = self._batch(letter, key)
            if batch is None:
                self.left += 1
            else:
                yield batch
                self.done.append(id)

    def _batch(self, letter: Event, key: str) -> Batch | None:
        origin = replace(letter.origin, format=self.format or letter.origin.format)
        if not origin.format:
            return None
        format = self.normalizer.format(origin.source, origin.format)
        try:
            records = [Record(raw, letter.record.offset) for raw in format.split(letter.record.raw)]
            for record in records:
                format.normalize(record, origin)
        except Unreadable:
            return None
        return Batch(origin, records, key, True, time.time())


def letters_of(context: click.Context) -> list[Event]:
    """Every dead letter that was not replayed yet, oldest first."""
    found: list[Event] = []
    with opened(context) as store:
        replayed, after, query = store.database.replayed(), None, parse(LETTERS)
        while True:
            page = store.events.search(
                query, since=None, until=None, limit=PAGE, after=after, oldest_first=True
            )
            found += [letter for letter in page.events if identity(letter) not in replayed]
            after = page.after
            if after is None:
                return found


def replay(context: click.Context, format: str | None) -> tuple[int, int]:
    """How many letters are understood now, and how many still not. Raises StoreError while another process writes."""
    source = Again(letters_of(context), format, Normalizer())
    config = configuration(context)
    with running(config, {"deadletter": source}) as whole, closing(open_state(config)) as state:
        whole.pipeline.run(threading.Event())
        state.mark_replayed(source.done, time.time())
    return len(source.done), source.left
