"""A store that gives up rather than look at everything, for questions of many people at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from event_model.event import Event
from event_model.parts import Found

if TYPE_CHECKING:
    from store.elasticsearch import Elasticsearch
    from store.embedded import Embedded

MOST = 200_000  # events that one count may look at, beyond what the index knows: some seconds


@dataclass(frozen=True, slots=True)
class Bounded:
    """A store whose `top` and `histogram` raise TimeoutError past `most` events looked at.

    A search bounds itself: it gives what it found so far, and where to go on.
    """

    store: Embedded | Elasticsearch
    most: int = MOST

    def search(
        self, query: Any, *, since: str | None, until: str | None, limit: int, after: Any, oldest_first: bool
    ) -> Found:
        return self.store.search(
            query, since=since, until=until, limit=limit, after=after, oldest_first=oldest_first
        )

    def top(
        self, query: Any, field: str, *, since: str | None, until: str | None, size: int
    ) -> list[tuple[Any, int]]:
        return self.store.top(query, field, since=since, until=until, size=size, progress=self._bound)

    def histogram(
        self, query: Any, *, since: str | None, until: str | None, buckets: int
    ) -> list[tuple[str, int]]:
        return self.store.histogram(query, since=since, until=until, buckets=buckets, progress=self._bound)

    def get(self, id: str) -> Event | None:
        return self.store.get(id)

    def _bound(self, done: int, total: int) -> None:
        if max(done, total) > self.most:
            raise TimeoutError(f"would look at {total} events, and no more than {self.most}")
