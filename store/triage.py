"""Decide about alerts: acknowledge, close with a reason, reopen; who, when and why is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from event_model.errors import nearest
from store.grouping import iso, seconds

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
    SET status = ?, closed_as = ?, decided_by = ?, decided = ?, change = ?, version = version + 1
    WHERE number = ?
"""
_STEP = "INSERT INTO history (alert, time, user, action, reason, note, scope) VALUES (?, ?, ?, ?, ?, ?, ?)"


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
    scope: str = "entity"  # of SCOPES: for whom it counts, where a detector is to learn of it

    @property
    def step(self) -> dict[str, Any]:
        """The decision as a step in an alert's history; only what is closed has a reason."""
        reason = self.reason if self.action == "close" else None
        return {
            "time": iso(self.time), "user": self.user, "action": self.action, "reason": reason, "note": self.note,
            "scope": self.scope,
        }  # fmt: skip


def find(read: Callable[[str, Sequence[Any]], list[sqlite3.Row]], id: str) -> sqlite3.Row:
    """The alert whose id is this or begins so. Raises Unknown."""
    rows = read(_FIND, (id, id + "g")) if id else []
    return rows[chosen(id, [row["id"] for row in rows])]


def chosen(id: str, ids: Sequence[str]) -> int:
    """Which of the ids that begin so is meant: the only one, or the one that is whole. Raises Unknown."""
    if not ids or not id:
        raise Unknown(f"no alert has an id that begins with {id!r}; `tallyman alerts list` shows them")
    if id in ids:
        return ids.index(id)
    if len(set(ids)) > 1:
        choices = ", ".join(each[: max(_SHOWN, len(id) + 4)] for each in ids)
        raise Unknown(f"{id!r} is the beginning of more than one alert's id: {choices}")
    return 0


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


def becomes(alert: Any, made: Decision) -> str | None:
    """The status that an alert gets by a decision; None where that changes nothing, for it stands so already.

    `alert`: its id, status, version, decided_by and decided (seconds since the epoch, or None). Raises Changed.
    """
    if made.version is not None and made.version != alert["version"]:
        raise Changed(f"{described(alert)}; look again before deciding (version {alert['version']})")
    if made.action == "acknowledge" and alert["status"] == "closed":
        raise Changed(f"{described(alert)}; reopen it first")
    status = ACTIONS[made.action]
    return None if status == alert["status"] and not made.note else status


def decide(connection: sqlite3.Connection, id: str, made: Decision, change: int) -> bool:
    """Whether that changes anything. Raises Unknown, Changed."""
    row = find(lambda sql, values: connection.execute(sql, values).fetchall(), id)
    status = becomes(row, made)
    if status is None:
        return False
    step = made.step
    connection.execute(_DECIDE, (status, step["reason"], made.user, made.time, change, row["number"]))
    connection.execute(_STEP, _row(row["number"], step))
    return True


def described(alert: Any) -> str:
    """How an alert stands, and by whom."""
    name = f"alert {alert['id'][:_SHOWN]}"
    if alert["decided"] is None:
        return f"{name} is {alert['status']}"
    return f"{name} was made {alert['status']} by {alert['decided_by']} at {iso(alert['decided'])}"


def adopt(
    connection: sqlite3.Connection, number: int, history: Sequence[dict[str, Any]], change: int
) -> None:
    """Put a history that was made elsewhere in the place of an alert's own."""
    last = history[-1]
    status = ACTIONS[last["action"]]
    connection.execute(
        "UPDATE alerts SET status = ?, closed_as = ?, decided_by = ?, decided = ?, change = ?, version = ?"
        " WHERE number = ?",
        (status, last["reason"], last["user"], seconds(last["time"]), change, len(history) + 1, number),
    )
    connection.execute("DELETE FROM history WHERE alert = ?", (number,))
    connection.executemany(_STEP, [_row(number, step) for step in history])


def _row(number: int, step: dict[str, Any]) -> tuple[Any, ...]:
    told = (step[name] for name in ("user", "action", "reason", "note"))
    return (number, seconds(step["time"]), *told, step.get("scope", "entity"))
