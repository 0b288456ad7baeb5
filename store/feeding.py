"""How far a store that is fed from the journal has come, what it has not taken, and what hinders it."""

from __future__ import annotations

from dataclasses import dataclass

from store.sqlite import SqliteFile

FED = "fed"
Place = tuple[str, int]  # partition, pointer


@dataclass(slots=True)
class Feeding:
    """`name`: of the way from the journal to the store; a copy to another store has one of its own."""

    file: SqliteFile
    name: str = FED

    def place(self) -> Place:
        """Partition and pointer of the last record that the store has taken; ("", -1) at the very beginning."""
        rows = self.file.read("SELECT partition, pointer FROM pointers WHERE name = ?", (self.name,))
        return (rows[0]["partition"], rows[0]["pointer"]) if rows else ("", -1)

    def move(self, place: Place) -> None:
        """The store has taken everything up to here."""
        with self.file.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO pointers VALUES (?, ?, ?)", (self.name, *place))

    def hold(self, place: Place, event: str, reason: str, now: float) -> None:
        """Only the journal has this record whole, and why."""
        with self.file.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)", (*place, event, reason, now)
            )

    def held(self) -> dict[Place, str]:
        """What only the journal has whole, by place, with the reason."""
        rows = self.file.read("SELECT partition, pointer, reason FROM held")
        return {(row["partition"], row["pointer"]): row["reason"] for row in rows}

    def forget(self, partition: str) -> None:
        """The partition is gone, and what was held in it."""
        with self.file.transaction() as connection:
            connection.execute("DELETE FROM held WHERE partition = ?", (partition,))

    def remark(self, reason: str, since: float) -> None:
        """Say what hinders it, and since when; no reason: nothing does."""
        with self.file.transaction() as connection:
            connection.execute("DELETE FROM troubles WHERE name = ?", (self.name,))
            if reason:
                connection.execute("INSERT INTO troubles VALUES (?, ?, ?)", (self.name, reason, since))

    def trouble(self) -> tuple[str, float]:
        """What hinders it, and since when (seconds since the epoch); ("", 0.0) where nothing does."""
        rows = self.file.read("SELECT reason, since FROM troubles WHERE name = ?", (self.name,))
        return (rows[0]["reason"], rows[0]["since"]) if rows else ("", 0.0)
