"""Our own audit log on a cluster: only ever added to, by every replica."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.elastic.state.index import Index
from store.grouping import iso

_NEWEST = [{"number": {"order": "desc", "unmapped_type": "long"}}]


@dataclass(frozen=True, slots=True)
class AuditIndex:
    """As `store.state.Acts` says. An act's number is its time in microseconds, or the next that is free."""

    index: Index

    def log(self, actor: str, action: str, detail: dict[str, Any], now: datetime) -> None:
        """Write one act down; it is safe when this returns."""
        number = round(now.timestamp() * 1e6)
        act = {
            "@timestamp": iso(now.timestamp()), "actor": actor, "action": action, "details": detail,
        }  # fmt: skip
        while not self.index.create(str(number), {**act, "number": number}):
            number += 1

    def listed(
        self,
        limit: int = 100,
        *,
        actor: str | None = None,
        action: str | None = None,
        after: int | None = None,
    ) -> list[dict[str, Any]]:
        """Newest first; `after` is the `number` of the last one of an earlier page."""
        wanted: list[dict[str, Any]] = [
            {"term": {name: value}}
            for name, value in (("actor", actor), ("action", action)) if value is not None
        ]  # fmt: skip
        if after is not None:
            wanted.append({"range": {"number": {"lt": after}}})
        self.index.refresh()
        found = self.index.search({"bool": {"filter": wanted}}, limit=limit, sort=_NEWEST)
        return [
            {
                "number": hit.source["number"],
                "time": hit.source["@timestamp"],
                **{name: hit.source[name] for name in ("actor", "action")},
                "detail": hit.source["details"],
            }
            for hit in found
        ]

    def prune(self, before: float) -> int:
        """Delete what is older (seconds since the epoch); how many."""
        old = {"range": {"number": {"lt": round(before * 1e6)}}}
        sort = [{"number": {"order": "asc", "unmapped_type": "long"}}]
        return sum(self.index.delete(page) for page in self.index.scan(old, sort, source=False))
