"""The state file: everything that changes, beside a journal that never does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from uuid import uuid4

from store.alerts import AlertBook
from store.audit import AuditLog
from store.counters import SavedCounters
from store.feeding import Feeding
from store.grouping import WINDOW
from store.outbox import Outbox
from store.schema import STEPS
from store.snapshots import Snapshots
from store.sqlite import SqliteFile
from store.tokens import Tokens

FILE = "state.db"


class Database:
    """The state of the store in a folder; any number of processes and threads may have it open."""

    def __init__(self, root: Path) -> None:
        """Raises StoreError if the file can't be opened, or is not one that this version knows."""
        self.file = SqliteFile(root / FILE, STEPS)
        self.alerts = AlertBook(self.file)
        self.outbox = Outbox(self.file)
        self.tokens = Tokens(self.file)
        self.audit = AuditLog(self.file)
        self.counters = SavedCounters(self.file)
        self.feeding = Feeding(self.file)
        self.memories = Snapshots(root)

    def book(self, *, sinks: Mapping[str, str], window: float = WINDOW, name: str = "inspected") -> AlertBook:
        """The alerts for who records them: which sinks to tell from which severity on, seconds of a group, and the
        name of their pointer into the journal."""
        return AlertBook(self.file, sinks, window, name)

    def sinks(self) -> dict[str, dict[str, int]]:
        """By sink: how many alerts wait for it, and how many were given up."""
        waiting, failed = self.outbox.waiting(), self.outbox.failed()
        names = sorted({*waiting, *failed})
        return {name: {"pending": waiting.get(name, 0), "failed": failed.get(name, 0)} for name in names}

    def identity(self) -> str:
        """Tells this state file from every other, also from one that is put in its place: 32 hex digits."""
        with self.file.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO pointers VALUES ('identity', ?, 0)", (uuid4().hex,))
        return str(self.file.read("SELECT partition FROM pointers WHERE name = 'identity'")[0][0])

    def shared(self) -> tuple[int, int]:
        """Up to which change the alerts are in a cluster, and up to when decisions there are known here (microseconds
        since 1970); as this file says, which may have been put back since."""
        names = ("published", "adopted")
        rows = self.file.read("SELECT name, pointer FROM pointers WHERE name IN (?, ?)", names)
        found = {row["name"]: int(row["pointer"]) for row in rows}
        return found.get("published", 0), found.get("adopted", 0)

    def note_shared(self, published: int, adopted: int) -> None:
        rows = [("published", published), ("adopted", adopted)]
        with self.file.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO pointers VALUES (?, '', ?)", rows)

    def check(self) -> None:
        """Raises StoreError or OSError if the file can't be used."""
        self.file.path.stat()
        self.counters.load()

    def replayed(self) -> set[str]:
        """The ids of the dead letters that were read again with success."""
        return {row["event"] for row in self.file.read("SELECT event FROM replayed")}

    def mark_replayed(self, ids: Iterable[str], now: float) -> None:
        with self.file.transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO replayed VALUES (?, ?)", [(id, now) for id in ids])

    def prune(self, before: float) -> int:
        """Delete alerts, replayed letters and acts that are older; how many alerts."""
        with self.file.transaction() as connection:
            connection.execute("DELETE FROM replayed WHERE time < ?", (before,))
        self.audit.prune(before)
        return self.alerts.prune(before)

    def close(self) -> None:
        self.file.close()
