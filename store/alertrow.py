"""An alert as the state file holds it: in short for a list, or whole as a document."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from event_model.alert import SEVERITIES
from event_model.errors import nearest
from store.grouping import Group, complete, iso
from store.sqlite import SqliteFile

COLUMNS = (
    "number, id, change, rule_uuid, rule_id, rule_name, severity, risk, user, reason, start, end, count, "
    "detected, status, closed_as, decided_by, decided, version"
)


def rank(severity: str) -> int:
    """The place of a severity among all, as it is stored. Raises ValueError with the choices."""
    if severity not in SEVERITIES:
        choices = ", ".join(SEVERITIES)
        raise ValueError(f"{severity!r} is no severity; there are {choices}.{nearest(severity, SEVERITIES)}")
    return SEVERITIES.index(severity)


def summary(row: sqlite3.Row) -> dict[str, Any]:
    """What a list shows of an alert."""
    return {
        "id": row["id"],
        "rule_id": row["rule_id"],
        "rule_uuid": row["rule_uuid"],
        "rule_name": row["rule_name"],
        "severity": SEVERITIES[row["severity"]],
        "risk_score": row["risk"],
        "reason": row["reason"],
        "user": row["user"],
        "start": iso(row["start"]),
        "end": iso(row["end"]),
        "count": row["count"],
        "last_detected": iso(row["detected"]),
        "status": row["status"],
        "closed_as": row["closed_as"],
        "decided_by": row["decided_by"],
        "decided": iso(row["decided"]) if row["decided"] is not None else None,
        "version": row["version"],
    }


def documents(file: SqliteFile, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
    """The whole documents of these alerts, as they are now."""
    wanted = ", ".join(str(int(number)) for number in numbers)
    found = {}
    added: dict[int, list[dict[str, Any]]] = {}
    for row in file.read(
        f"SELECT alert, document FROM ancestors WHERE alert IN ({wanted}) ORDER BY alert, place"
    ):
        added.setdefault(row["alert"], []).append(msgspec.json.decode(row["document"]))
    for row in file.read(f"SELECT {COLUMNS}, document, grouped, held FROM alerts WHERE number IN ({wanted})"):
        group = Group(
            row["id"], row["grouped"], row["start"], row["end"], row["count"], row["held"],
            added.get(row["number"], []), row["detected"],
        )  # fmt: skip
        found[row["number"]] = _decided(complete(msgspec.json.decode(row["document"]), group), row)
    return found


def _decided(document: dict[str, Any], row: sqlite3.Row) -> dict[str, Any]:
    if row["decided"] is not None:
        alert = document["kibana"]["alert"]
        alert["workflow_status"] = row["status"]
        alert["workflow_status_updated_at"] = iso(row["decided"])
        alert["workflow_user"] = row["decided_by"]
        if row["closed_as"]:
            alert["workflow_reason"] = row["closed_as"]
    return document
