"""What people did with this program itself: every search, export and decision, by whom and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from store.grouping import iso
from store.sqlite import SqliteFile


@dataclass(slots=True)
class AuditLog:
    file: SqliteFile

    def log(self, actor: str, action: str, detail: dict[str, Any], now: datetime) -> None:
        """Write one act down."""
        with self.file.transaction() as connection:
            connection.execute(
                "INSERT INTO audit (time, actor, action, detail) VALUES (?, ?, ?, ?)",
                (now.timestamp(), actor, action, msgspec.json.encode(detail)),
            )

    def listed(
        self,
        limit: int = 100,
        *,
        actor: str | None = None,
        action: str | None = None,
        after: int | None = None,
    ) -> list[dict[str, Any]]:
        """Newest first; `after` is the `number` of the last one of an earlier page."""
        rows = self.file.read(
            "SELECT * FROM audit WHERE number < coalesce(:after, number + 1)"
            " AND actor = coalesce(:actor, actor) AND action = coalesce(:action, action)"
            " ORDER BY number DESC LIMIT :limit",
            {"after": after, "actor": actor, "action": action, "limit": limit},
        )
        return [
            {
                "number": row["number"],
                "time": iso(row["time"]),
                "actor": row["actor"],
                "action": row["action"],
                "detail": msgspec.json.decode(row["detail"]),
            }
            for row in rows
        ]

    def prune(self, before: float) -> int:
        """Delete what is older; how many."""
        with self.file.transaction() as connection:
            return connection.execute("DELETE FROM audit WHERE time < ?", (before,)).rowcount
