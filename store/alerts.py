"""The alerts: what was found, folded into groups, queued for the sinks, and what people decided about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from event_model.alert import SEVERITIES, Match
from event_model.errors import QueryError
from store.alertrow import COLUMNS, documents, rank, summary
from store.grouping import WINDOW, seconds
from store.journal import Entry, Journal
from store.recording import count, next_change
from store.records import behind, changed, judged, steps, take
from store.sqlite import SqliteFile
from store.state import AlertRecord, Page
from store.triage import Changed, Decision, Unknown, adopt, check, decide, find

__all__ = ["AlertBook", "AlertRecord", "Changed", "Page", "Unknown"]
_MOST_CHANGES = 200  # alerts told of at one time


@dataclass(slots=True)
class AlertBook:
    """All alerts of one store. `sinks`: who is told of new ones, each with the least severity.

    `name`: whose pointer into the journal moves with what is recorded: those who look at events at different
    times have each their own.
    """

    file: SqliteFile
    sinks: Mapping[str, str] = field(default_factory=dict)
    window: float = WINDOW
    name: str = "inspected"

    def record(self, matches: Sequence[Match], now: float, pointer: tuple[str, int]) -> list[str]:
        """Count matches in and note that the inspectors have come to `pointer`, in one transaction.

        The ids of the alerts that are new. A match that is part of an alert already changes nothing.
        """
        with self.file.transaction() as connection:
            opened = count(connection, matches, now, self.window, self.sinks) if matches else []
            connection.execute("INSERT OR REPLACE INTO pointers VALUES (?, ?, ?)", (self.name, *pointer))
        return opened

    def inspected(self) -> tuple[str, int]:
        """How far the inspectors have come: partition and pointer, ("", -1) at the very beginning."""
        return self.pointer() or ("", -1)

    def pointer(self) -> tuple[str, int] | None:
        """How far they have come; None where they never were there."""
        rows = self.file.read("SELECT partition, pointer FROM pointers WHERE name = ?", (self.name,))
        return (rows[0]["partition"], rows[0]["pointer"]) if rows else None

    def uninspected(self, journal: Journal) -> Iterator[list[Entry]]:
        """The entries that no inspector has seen, oldest first."""
        if self.inspected() > journal.end:  # a power failure took what was inspected; it will be read again
            self.record([], 0.0, journal.end)
        place, pointer = self.inspected()
        for partition in journal.partitions():
            if partition >= place:
                yield from journal.entries(partition, pointer if partition == place else -1)

    def listed(
        self,
        *,
        status: str | None = None,
        severity: str = "low",
        rule: str | None = None,
        user: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int = 50,
        after: Any = None,
    ) -> Page:
        """Newest first: of a status, of at least a severity, of a rule (id or file name), by whom, when."""
        wanted: list[tuple[str, Any]] = []
        if least := rank(severity):
            wanted.append(("severity >= ?", least))
        if status is not None:
            wanted.append(("status = ?", status))
        if rule is not None:
            wanted.append(("? IN (rule_id, rule_uuid)", rule))
        if user is not None:
            wanted.append(("user = ?", user))
        if since is not None:
            wanted.append(("end >= ?", seconds(since)))
        if until is not None:
            wanted.append(("start < ?", seconds(until)))
        values = [value for condition, value in wanted]
        conditions = ["true", *(condition for condition, value in wanted)]
        if after is not None:
            conditions.append("(start, number) < (?, ?)")
            values += _place(after)
        rows = self.file.read(
            f"SELECT {COLUMNS} FROM alerts WHERE {' AND '.join(conditions)}"
            " ORDER BY start DESC, number DESC LIMIT ?",
            [*values, limit + 1],
        )
        page = rows[:limit]
        more = len(rows) > limit and page
        return Page([summary(row) for row in page], [page[-1]["start"], page[-1]["number"]] if more else None)

    def show(self, id: str) -> dict[str, Any]:
        """One alert, with its document and history; the beginning of its id is enough. Raises Unknown."""
        number = find(self.file.read, id)["number"]
        row = self.file.read(f"SELECT {COLUMNS} FROM alerts WHERE number = ?", (number,))[0]
        history = self.file.read("SELECT * FROM history WHERE alert = ? ORDER BY number", (number,))
        return {
            **summary(row),
            "document": documents(self.file, [number])[number],
            "history": steps(history),
        }

    def decide(
        self,
        ids: Iterable[str],
        action: str,
        *,
        user: str,
        reason: str | None = None,
        note: str = "",
        now: datetime,
        version: int | None = None,
        scope: str = "entity",
    ) -> int:
        """Acknowledge, close or reopen alerts, all of them or none; how many that changed.

        `version`: of the alerts as `user` saw them; `scope`: for whom a detector is to learn of it. Raises Unknown, Changed; ValueError for no such decision.
        """
        check(action, reason, scope)
        with self.file.transaction() as connection:
            made = Decision(action, user, reason, note, now.timestamp(), version, scope)
            change = next_change(connection)
            return sum(decide(connection, id, made, change) for id in ids)

    def open_by_severity(self) -> dict[str, int]:
        """How many alerts of each severity are open."""
        rows = self.file.read("SELECT severity, count(*) FROM alerts WHERE status = 'open' GROUP BY severity")
        counts = {row[0]: row[1] for row in rows}
        return {severity: counts.get(rank, 0) for rank, severity in enumerate(SEVERITIES)}

    def latest_change(self) -> int:
        """Where `changed_since` goes on for what comes from now on."""
        return int(self.file.read("SELECT last FROM changes")[0][0])

    def changed_since(self, change: int) -> tuple[list[dict[str, Any]], int]:
        """The alerts that are new or changed since, oldest change first, and where to go on."""
        rows = self.file.read(
            f"SELECT {COLUMNS} FROM alerts WHERE change > ? ORDER BY change LIMIT ?", (change, _MOST_CHANGES)
        )
        return [summary(row) for row in rows], rows[-1]["change"] if rows else change

    def judged(self, change: int, rules: str, since: float) -> tuple[list[AlertRecord], int]:
        """The alerts decided about since a change, of rules whose name begins with `rules`, and where to go on.

        Decisions before `since` (seconds since the epoch) are left out.
        """
        return judged(self.file, change, rules, since, _MOST_CHANGES)

    def changes(self, since: int | None = None) -> Following:
        """What changes from now on, or since a reader was `at` there."""
        latest = self.latest_change()  # a state file that was put back has fewer changes than its readers saw
        return Following(self, latest if since is None else min(since, latest))

    def recorded_since(self, change: int) -> tuple[list[AlertRecord], int]:
        """The same as `changed_since`, each alert with all that belongs to it."""
        return changed(self.file, change, _MOST_CHANGES)

    def ahead(self, change: int) -> int:
        """How many alerts are new or changed since."""
        return int(self.file.read("SELECT count(*) FROM alerts WHERE change > ?", (change,))[0][0])

    def records(self) -> Iterator[AlertRecord]:
        """All alerts with all that belongs to them, in the order in which they were opened."""
        found, number = behind(self.file, 0, _MOST_CHANGES)
        while found:
            yield from found
            found, number = behind(self.file, number, _MOST_CHANGES)

    def take(self, records: Iterable[AlertRecord]) -> int:
        """Put in alerts of another state with their history; how many that were not there. Those there are left."""
        source, made = iter(records), 0
        while piece := list(islice(source, _MOST_CHANGES)):  # others may write in between
            with self.file.transaction() as connection:
                made += sum(take(connection, record) for record in piece)
        return made

    def adopt(self, id: str, history: Sequence[dict[str, Any]]) -> bool:
        """Take over what was decided elsewhere about an alert; whether it is here, and this was not known."""
        with self.file.transaction() as connection:
            row = connection.execute("SELECT number FROM alerts WHERE id = ?", (id,)).fetchone()
            if row is None or not history:
                return False
            known = connection.execute(
                "SELECT * FROM history WHERE alert = ? ORDER BY number", (row["number"],)
            )
            if steps(known.fetchall()) == list(history):
                return False
            adopt(connection, row["number"], history, next_change(connection))
            return True

    def prune(self, before: float) -> int:
        """Delete the alerts whose last event and last decision are older; how many."""
        with self.file.transaction() as connection:
            return connection.execute(
                "DELETE FROM alerts WHERE max(end, detected, coalesce(decided, 0)) < ?", (before,)
            ).rowcount


@dataclass(slots=True)
class Following:
    """A reader of new and changed alerts; it has come to the change `at`."""

    book: AlertBook
    at: int

    def look(self) -> list[dict[str, Any]]:
        """What has changed since the last look, oldest change first."""
        changed, self.at = self.book.changed_since(self.at)
        return changed


def _place(after: Any) -> list[float]:
    """What `Page.after` was, from wherever it has been meanwhile."""
    if (
        not isinstance(after, list | tuple)
        or len(after) != 2
        or not all(isinstance(part, int | float) for part in after)
    ):
        raise QueryError("`after` is not what an earlier page gave")
    return [after[0], after[1]]
