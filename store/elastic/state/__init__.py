"""The state on a cluster: what changes, shared by every process that reads or collects."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from msgspec import Struct

from store.elastic import keeping
from store.elastic.client import Connection, telling
from store.elastic.names import Names
from store.elastic.state.alerts import AlertIndex
from store.elastic.state.audit import AuditIndex
from store.elastic.state.counters import CounterIndex
from store.elastic.state.index import Index
from store.elastic.state.memories import MemoryIndex
from store.elastic.state.tokens import TokenIndex

ROLL = {"max_age": "30d", "max_primary_shard_size": "50gb"}  # as the stack's own default
_REPLAYED, _PUBLISHER = "replayed", "publisher"
_BY_NAME = [{"name": {"order": "asc", "unmapped_type": "keyword"}}]


class Mark(Struct, frozen=True):
    """How far a collecting process has come with its alerts; it stands in the cluster, so that one which lost
    its alerts is given them again; and in the state file, as that may be put back."""

    published: int = 0  # change of its own state file
    decided: int = 0  # microseconds since 1970: decisions that it knows


class ClusterState:
    """As `store.state.State` says. Everything raises StoreError where the cluster can't be reached."""

    def __init__(self, client: Any, connection: Connection, names: Names) -> None:
        self.client, self.connection, self.names = client, connection, names
        self._state = Index(client, connection, names.state)
        self.alerts = AlertIndex(Index(client, connection, names.alerts))
        self.tokens = TokenIndex(self._state)
        self.audit = AuditIndex(Index(client, connection, names.audit))
        self.counters = CounterIndex(self._state)
        self.memories = MemoryIndex(self._state)

    def sinks(self) -> dict[str, dict[str, int]]:
        """By sink: how many alerts wait for it (`pending`), and how many were given up (`failed`)."""
        return self.counters.sinks()

    def mark(self, collector: str) -> Mark:
        """How far that collecting process had come."""
        found = self._state.get(f"{_PUBLISHER}-{collector}")
        return Mark(**found.source["value"]) if found else Mark()

    def save_mark(self, collector: str, mark: Mark, now: float) -> None:
        """Note how far a collecting process has come. `now`: seconds since the epoch."""
        value = {"published": mark.published, "decided": mark.decided}
        told = {"kind": _PUBLISHER, "name": collector, "number": round(now * 1e6), "value": value}
        self._state.put(f"{_PUBLISHER}-{collector}", told)

    def replayed(self) -> set[str]:
        """The ids of the dead letters that were read again with success."""
        self._state.refresh()
        pages = self._state.scan({"bool": {"filter": [{"term": {"kind": _REPLAYED}}]}}, _BY_NAME)
        return {hit.source["name"] for page in pages for hit in page}

    def mark_replayed(self, ids: Iterable[str], now: float) -> None:
        """Note that these dead letters were read again. `now`: seconds since the epoch."""
        told = {"kind": _REPLAYED, "number": round(now * 1e6)}
        self._state.create_all((f"{_REPLAYED}-{id}", {**told, "name": id}) for id in ids)

    def age(self, own: timedelta | None) -> timedelta | None:
        """How long alerts and acts are kept, where this machine's setting is `own`; None is for ever."""
        with telling(self.connection, "asking how long it keeps events"):
            return keeping.age(self.client, self.names, own)

    def prune(self, before: float) -> int:
        """Delete alerts, acts, replayed letters, counters and memories that are older (seconds since the epoch); how many alerts."""
        old = {"range": {"number": {"lt": round(before * 1e6)}}}
        query = {"bool": {"filter": [{"term": {"kind": _REPLAYED}}, old]}}
        for page in self._state.scan(query, _BY_NAME, source=False):
            self._state.delete(page)
        self.counters.prune(before)
        self.memories.prune(before)
        self.audit.prune(before)
        return self.alerts.prune(before)

    def roll(self) -> bool:
        """Go on with alerts in a new index when the one that is written is old or large; whether that was so."""
        return self.alerts.index.roll(**ROLL)

    def check(self) -> None:
        """Raises StoreError if the cluster can't be asked."""
        self.counters.load()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
