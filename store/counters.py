"""The numbers of the running process, written down for `tallyman status`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from store.sqlite import SqliteFile


@dataclass(slots=True)
class SavedCounters:
    file: SqliteFile

    def save(self, numbers: Mapping[str, float]) -> None:
        """Put these in place of all that were there."""
        with self.file.transaction() as connection:
            connection.execute("DELETE FROM counters")
            connection.executemany("INSERT INTO counters VALUES (?, ?)", list(numbers.items()))

    def load(self) -> dict[str, float]:
        """What was saved last; empty if nothing ever was."""
        return {row["name"]: row["value"] for row in self.file.read("SELECT name, value FROM counters")}
