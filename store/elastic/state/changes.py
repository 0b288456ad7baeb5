"""Follow what changes in the alerts of a cluster, whoever changes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from store.elastic.state.alert import CHANGED, SHORT, UUID, kept, micros, summary
from store.elastic.state.index import Hit, Index

OVERLAP = 180_000_000  # microseconds by which clocks may differ, with the time until a search finds a change
EVERY = 1.0  # seconds between two looks; the cluster shows nothing sooner
MOST = 200  # alerts told of at one time


class Writing(NamedTuple):
    """Which writing of an alert was told of, and the time noted in it."""

    term: int
    seq: int
    moment: int


@dataclass(slots=True)
class Changes:
    """A reader of new and changed alerts. It has come to `at`, in microseconds since 1970; None: to now.

    A change is found by the time that its writer noted. As another writer's clock may be behind, and a search
    finds what was written only after a while, each look goes back some minutes and leaves out the writings that
    it knows.
    """

    index: Index
    since: int | None
    by: str = CHANGED  # the time that is looked at
    clock: Callable[[], float] = time.time
    at: int = field(init=False)
    _told: dict[tuple[str, str], Writing] = field(default_factory=dict, init=False)
    _due: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        now = micros(self.clock())
        self.at = now if self.since is None else min(self.since, now)
        if self.since is None:
            for page in self._window():
                self._note(page)

    def look(self) -> list[dict[str, Any]]:
        """Alerts in short that are new or changed since the last look, oldest change first."""
        return [summary(hit.source) for hit in self.fresh()]

    def fresh(self) -> list[Hit]:
        """The same, as documents."""
        if time.monotonic() < self._due:
            return []
        now = micros(self.clock())
        found = list(islice((hit for page in self._window() for hit in page if self._is_new(hit)), MOST))
        self._note(found)
        if len(found) == MOST:
            self.at = max(self.at, min(found[-1].sort[0], now))
        else:
            self.at = now
            self._due = time.monotonic() + EVERY
        self._told = {key: each for key, each in self._told.items() if each.moment >= self.at - OVERLAP}
        # as they are by now: what was deleted meanwhile is no change to tell of
        newest = self.index.get_all([(hit.index, hit.id) for hit in found], source=SHORT)
        for hit in newest:
            self._told[hit.index, hit.id] = Writing(hit.term, hit.seq, kept(hit.source).changed)
        return newest

    def _window(self) -> Iterator[list[Hit]]:
        query = {"bool": {"filter": [{"range": {self.by: {"gte": self.at - OVERLAP}}}]}}
        sort: list[Any] = [{self.by: {"order": "asc", "unmapped_type": "long"}}, {UUID: {"order": "asc"}}]
        return self.index.scan(query, sort, source=False)

    def _is_new(self, hit: Hit) -> bool:
        known = self._told.get((hit.index, hit.id))
        return known is None or (known.term, known.seq) < (hit.term, hit.seq)

    def _note(self, hits: Iterable[Hit]) -> None:
        for hit in hits:
            self._told[hit.index, hit.id] = Writing(hit.term, hit.seq, hit.sort[0])
