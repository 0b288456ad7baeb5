"""What every collecting process counts, side by side in the cluster."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from store.elastic.state.index import Index

KIND = "collector"
GREATEST = (
    "seen",
    "rules",
    "rules_broken",
    "lag_seconds",
    "away_seconds",
)  # ends of names; others are added up
GONE = 3600.0  # seconds behind the newest report after which a collector counts no more
_BY_NAME = [{"name": {"order": "asc", "unmapped_type": "keyword"}}]


@dataclass(frozen=True, slots=True)
class CounterIndex:
    """As `store.state.Numbers` says; a document for each collecting process."""

    index: Index

    def save(
        self, collector: str, numbers: Mapping[str, float], sinks: Mapping[str, Mapping[str, int]], now: float
    ) -> None:
        """Put these in the place of what this collector counted before. `now`: seconds since the epoch."""
        value = {"host": socket.gethostname(), "numbers": dict(numbers), "sinks": dict(sinks)}
        told = {"kind": KIND, "name": collector, "number": round(now * 1e6), "value": value}
        self.index.put(f"{KIND}-{collector}", told)

    def load(self) -> dict[str, float]:
        """What was saved last by all who collect: added up, or of times and rules the greatest."""
        whole: dict[str, float] = {}
        for each in self.collectors():
            for name, value in each["numbers"].items():
                if name.endswith(GREATEST):
                    whole[name] = max(value, whole.get(name, 0.0))
                elif name == "started":
                    whole[name] = min(value, whole.get(name, value))
                else:
                    whole[name] = whole.get(name, 0.0) + value
        return whole

    def sinks(self) -> dict[str, dict[str, int]]:
        """By sink: how many alerts wait for it (`pending`), and were given up (`failed`), on all machines."""
        whole: dict[str, dict[str, int]] = {}
        for each in self.collectors():
            for sink, counts in each["sinks"].items():
                kept = whole.setdefault(sink, {"pending": 0, "failed": 0})
                for name, value in counts.items():
                    kept[name] += value
        return whole

    def collectors(self) -> list[dict[str, Any]]:
        """Each collecting process: its host, numbers and sinks; without those that have long been silent."""
        query = {"bool": {"filter": [{"term": {"kind": KIND}}]}}
        found = [hit.source for page in self.index.scan(query, _BY_NAME) for hit in page]
        newest = max((each["number"] for each in found), default=0)
        return [each["value"] for each in found if each["number"] >= newest - GONE * 1e6]

    def prune(self, before: float) -> int:
        """Forget who has counted nothing since (seconds since the epoch); how many."""
        range = {"range": {"number": {"lt": round(before * 1e6)}}}
        query = {"bool": {"filter": [{"term": {"kind": KIND}}, range]}}
        return sum(self.index.delete(page) for page in self.index.scan(query, _BY_NAME))
