"""Decide about alerts: acknowledge, close with a reason, reopen; who, when and why is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from event_model.errors import nearest
from store.grouping import iso

REASONS = ("duplicate", "false_positive", "true_positive", "benign_positive", "automated_closure", "other")
SCOPES = ("entity", "group")
ACTIONS = {"acknowledge": "acknowledged", "close": "closed", "reopen": "open"}  # what -> status
_SHOWN = 8  # digits of an id in messages
_FIND = """
    SELECT number, id, status, version, decided_by, decided FROM alerts
    WHERE id >= ? AND id < ? ORDER BY id LIMIT 5
"""
_DECIDE = """
    UPDATE alerts
    SET status = ?, closed_as = ?, decided_by = ?, decided = ?, change = ?, verdict_scope = ?, version = version + 1
    WHERE number = ?
"""


class Unknown(LookupError):
    """No alert, or more than one, has an id that begins so."""


class Changed(Exception):
    """Someone else has decided meanwhile: says who and when."""


class Decision(Struct, frozen=True):
    """What someone decides about one alert or many."""

    action: str  # a key of ACTIONS
    user: str
    reason: str | None
    note: str
    time: float
    version: int | None  # of the alert as the user saw it, None for any
    change: int
    scope: str = "entity"  # of SCOPES: for whom it counts, where a detector is to learn of it


def find(read: Callable[[str, Sequence[Any]], list[sqlite3.Row]], id: str) -> sqlite3.Row:
    """The alert whose id is this or begins so. Raises Unknown."""
    rows = read(_FIND, (id, id + "g"))
    if not rows or not id:
        raise Unknown(f"no alert has an id that begins with {id!r}; `tallyman alerts list` shows them")
    if len(rows) > 1 and rows[0]["id"] != id:
        choices = ", ".join(row["id"][: max(_SHOWN, len(id) + 4)] for row in rows)
        raise Unknown(f"{id!r} is the beginning of more than one alert's id: {choices}")
    return rows[0]


def check(action: str, reason: str | None, scope: str = "entity") -> None:
    """Raises ValueError for a decision that there is not."""
    if scope not in SCOPES:
        raise ValueError(f"{scope!r} is not one of {', '.join(SCOPES)}.{nearest(scope, SCOPES)}")
    if action not in ACTIONS:
        raise ValueError(f"{action!r} is not one of {', '.join(ACTIONS)}.{nearest(action, ACTIONS)}")
    if action == "close" and reason not in REASONS:
        choices = ", ".join(REASONS)
        raise ValueError(
            f"closing asks for a reason: {choices}; not {reason!r}.{nearest(str(reason), REASONS)}"
        )


def decide(connection: sqlite3.Connection, id: str, made: Decision) -> bool:
    """Whether that changes anything: it may stand so already. Raises Unknown, Changed."""
    row = find(lambda sql, values: connection.execute(sql, values).fetchall(), id)
    if made.version is not None and made.version != row["version"]:
        raise Changed(f"{_described(row)}; look again before deciding (version {row['version']})")
    if made.action == "acknowledge" and row["status"] == "closed":
        raise Changed(f"{_described(row)}; reopen it first")
    status = ACTIONS[made.action]
    if status == row["status"] and not made.note:
        return False
    reason = made.reason if made.action == "close" else None
    connection.execute(
        _DECIDE, (status, reason, made.user, made.time, made.change, made.scope, row["number"])
    )
    connection.execute(
        "INSERT INTO history (alert, time, user, action, reason, note) VALUES (?, ?, ?, ?, ?, ?)",
        (row["number"], made.time, made.user, made.action, reason, made.note),
    )
    return True


def _described(row: sqlite3.Row) -> str:
    alert = f"alert {row['id'][:_SHOWN]}"
    if row["decided"] is None:
        return f"{alert} is {row['status']}"
    return f"{alert} was made {row['status']} by {row['decided_by']} at {iso(row['decided'])}"
