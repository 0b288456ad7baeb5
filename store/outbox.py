"""What sinks have to be told: it survives a restart, and is offered again until taken or given up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from store.alertrow import documents, rank
from store.sqlite import SqliteFile

FIRST_PAUSE = 1.0  # seconds after the first failure, doubled after each further one
LONGEST_PAUSE = 900.0
MOST_ATTEMPTS = 300  # about three days
_WAITS = "sink = ? AND alert = (SELECT number FROM alerts WHERE id = ?) AND state = 'pending'"
_TOLD = "sink = ? AND alert = (SELECT number FROM alerts WHERE id = ? AND severity = ?) AND state = 'pending'"
_LATER = "UPDATE outbox SET state = ?, attempts = ?, due = ?, error = ? WHERE sink = ? AND alert = ?"
_AGAIN = "UPDATE outbox SET state = 'pending', attempts = 0, due = ? WHERE sink = ? AND state = 'failed'"


class Due(Struct, frozen=True):
    """An alert that a sink is to be told of."""

    alert: str  # its id
    document: dict[str, Any]
    attempts: int

    @property
    def severity(self) -> str:
        told: str = self.document["kibana"]["alert"]["severity"]
        return told


@dataclass(slots=True)
class Outbox:
    """The queues of all sinks; filled by AlertBook.record."""

    file: SqliteFile
    most_attempts: int = MOST_ATTEMPTS

    def due(self, sink: str, now: float, limit: int = 100) -> list[Due]:
        """What the sink is to be told at `now`, oldest alerts first."""
        rows = self.file.read(
            "SELECT id, number, attempts FROM outbox JOIN alerts ON number = alert"
            " WHERE sink = ? AND state = 'pending' AND due <= ? ORDER BY number LIMIT ?",
            (sink, now, limit),
        )
        found = documents(self.file, [row["number"] for row in rows]) if rows else {}
        return [
            Due(row["id"], found[row["number"]], row["attempts"]) for row in rows if row["number"] in found
        ]

    def delivered(self, sink: str, told: Iterable[Due]) -> None:
        """The sink has taken these alerts. One that has become graver meanwhile is still to be told."""
        with self.file.transaction() as connection:
            connection.executemany(
                f"UPDATE outbox SET state = 'delivered', attempts = attempts + 1, error = '' WHERE {_TOLD}",
                [(sink, due.alert, rank(due.severity)) for due in told],
            )

    def postpone(self, sink: str, ids: Iterable[str], now: float, error: str, jitter: float) -> None:
        """The sink has not taken these alerts: offer them later, or never again after too many attempts.

        `jitter`, 0 to 1, is chance: it shortens a pause by up to half, so that not all come at one time.
        """
        with self.file.transaction() as connection:
            for id in ids:
                row = connection.execute(
                    f"SELECT alert, attempts FROM outbox WHERE {_WAITS}", (sink, id)
                ).fetchone()
                if row is None:
                    continue
                attempts = row["attempts"] + 1
                state = "failed" if attempts >= self.most_attempts else "pending"
                connection.execute(
                    _LATER, (state, attempts, now + pause(attempts, jitter), error, sink, row["alert"])
                )

    def retry(self, sink: str, now: float) -> int:
        """Offer again what was given up; how many."""
        with self.file.transaction() as connection:
            return connection.execute(_AGAIN, (now, sink)).rowcount

    def waiting(self) -> dict[str, int]:
        """How many alerts each sink is still to be told of."""
        return self._counts("pending")

    def failed(self) -> dict[str, int]:
        """How many alerts were given up, by sink."""
        return self._counts("failed")

    def forget(self, kept: Iterable[str]) -> int:
        """Drop the queues of all sinks but these; how many alerts were waiting in them."""
        names = list(kept)
        with self.file.transaction() as connection:
            return connection.execute(
                f"DELETE FROM outbox WHERE state = 'pending' AND sink NOT IN ({', '.join('?' * len(names))})",
                names,
            ).rowcount

    def _counts(self, state: str) -> dict[str, int]:
        rows = self.file.read(
            "SELECT sink, count(*) FROM outbox WHERE state = ? GROUP BY sink ORDER BY sink", (state,)
        )
        return {row[0]: row[1] for row in rows}


def pause(attempts: int, jitter: float) -> float:
    """Seconds until the next attempt."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts - 1, 60))
    return longest * (1 - jitter / 2)
