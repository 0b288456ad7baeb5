"""Alerts with all that belongs to them, out of a state file and into one: for a copy, and for the cluster."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from event_model.alert import SEVERITIES
from store.alertrow import documents
from store.grouping import iso
from store.recording import next_change
from store.sqlite import SqliteFile
from store.state import AlertRecord
from store.triage import adopt

_ROWS = "SELECT number, id, change, grouped, start, end, detected, count FROM alerts"
_TAKE = """
    INSERT INTO alerts (id, change, rule_uuid, rule_id, rule_name, severity, risk, user, reason, document,
                        grouped, start, end, count, held, detected)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
"""


def changed(file: SqliteFile, change: int, limit: int) -> tuple[list[AlertRecord], int]:
    """The alerts that are new or changed since, oldest change first, and the change where to go on."""
    rows = file.read(f"{_ROWS} WHERE change > ? ORDER BY change LIMIT ?", (change, limit))
    return _records(file, rows), rows[-1]["change"] if rows else change


def judged(
    file: SqliteFile, change: int, rules: str, since: float, limit: int
) -> tuple[list[AlertRecord], int]:
    """As `changed`, of those alerts decided about after `since` whose rule's name begins with `rules`."""
    rows = file.read(
        f"{_ROWS} WHERE change > ? AND decided >= ? AND substr(rule_id, 1, ?) = ? ORDER BY change LIMIT ?",
        (change, since, len(rules), rules, limit),
    )
    return _records(file, rows), rows[-1]["change"] if rows else change


def behind(file: SqliteFile, number: int, limit: int) -> tuple[list[AlertRecord], int]:
    """The alerts behind one, in the order in which they were opened, and the last one's number."""
    rows = file.read(f"{_ROWS} WHERE number > ? ORDER BY number LIMIT ?", (number, limit))
    return _records(file, rows), rows[-1]["number"] if rows else number


def steps(rows: Sequence[sqlite3.Row]) -> list[dict[str, Any]]:
    """The decisions in these rows of the history, as they are shown."""
    names = ("user", "action", "reason", "note", "scope")
    return [{"time": iso(row["time"]), **{name: row[name] for name in names}} for row in rows]


def take(connection: sqlite3.Connection, record: AlertRecord) -> bool:
    """Put an alert in with its history, unless it is there; whether it was not."""
    document = _undecided(record.document)
    alert = document["kibana"]["alert"]
    rule = alert["rule"]
    change = next_change(connection)
    number = connection.execute(
        _TAKE,
        (
            record.id, change, rule["uuid"], rule["rule_id"], rule["name"], SEVERITIES.index(alert["severity"]),
            alert["risk_score"], document.get("user", {}).get("name"), alert["reason"],
            msgspec.json.encode(document), bytes.fromhex(record.group), record.start, record.end, record.count,
            len(alert.get("ancestors", ())), record.detected,
        ),
    )  # fmt: skip
    if not number.rowcount or number.lastrowid is None:
        return False
    connection.execute(
        "INSERT OR IGNORE INTO counted VALUES (?, ?)", (bytes.fromhex(record.id), number.lastrowid)
    )
    if record.history:
        adopt(connection, number.lastrowid, record.history, change)
    return True


def _undecided(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what decisions made of it: that is told from the history."""
    alert = {
        name: value for name, value in document["kibana"]["alert"].items() if not name.startswith("workflow_")
    }
    alert["workflow_status"] = "open"
    return {**document, "kibana": {**document["kibana"], "alert": alert}}


def _records(file: SqliteFile, rows: Sequence[sqlite3.Row]) -> list[AlertRecord]:
    if not rows:
        return []
    numbers = [row["number"] for row in rows]
    found = documents(file, numbers)
    marks = ", ".join("?" * len(numbers))
    told: dict[int, list[sqlite3.Row]] = {}
    for row in file.read(f"SELECT * FROM history WHERE alert IN ({marks}) ORDER BY number", numbers):
        told.setdefault(row["alert"], []).append(row)
    return [
        AlertRecord(
            row["id"], found[row["number"]], row["start"], row["end"], row["detected"], row["count"],
            row["grouped"].hex(), steps(told.get(row["number"], [])),
        )
        for row in rows if row["number"] in found
    ]  # fmt: skip
