"""Count matches into alerts, each once: new alerts, and those whose group they join, which may grow by them."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from event_model.alert import Match, alert_id
from store.alertrow import rank
from store.grouping import Group, Groups, first_document, group_key, grown, seconds

_PIECE = 500  # values in one SQL list
_INSERT = """
    INSERT INTO alerts (id, change, rule_uuid, rule_id, rule_name, severity, risk, user, reason, document,
                        grouped, start, end, count, held, detected)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_FOLD = "UPDATE alerts SET start = ?, end = ?, count = ?, held = ?, detected = ?, change = ? WHERE number = ?"
_GROW = "UPDATE alerts SET severity = ?, risk = ?, reason = ?, document = ? WHERE number = ?"
_NEAR = """
    SELECT id, grouped, start, end, count, held, detected, severity FROM alerts
    WHERE grouped = ? AND end >= ? AND start <= ? AND status != 'closed' ORDER BY end LIMIT 16
"""


def count(
    connection: sqlite3.Connection,
    matches: Sequence[Match],
    now: float,
    window: float,
    sinks: Mapping[str, str],
) -> list[str]:
    """The ids of the alerts that these matches open; those are queued for the sinks, and so are those that become graver.

    A match that is part of an alert already changes nothing. A closed alert takes no more matches.
    """
    fresh: dict[str, Match] = {}
    for match in matches:
        fresh.setdefault(alert_id(match), match)
    for id in _known(connection, fresh):
        del fresh[id]
    groups = Groups(window)
    for group in _near(connection, fresh.values(), window, now):
        groups.hold(group)
    opened: dict[str, tuple[Group, Match]] = {}
    joined: dict[str, Group] = {}
    placed: list[tuple[str, str]] = []
    for id, match in fresh.items():
        group, new = groups.place(id, match, now)
        placed.append((id, group.id))
        if new:
            opened[id] = group, match
        elif group.id not in opened:
            joined[group.id] = group
    numbers = {}
    changes = itertools.count(next_change(connection, len(opened) + len(joined)))
    for id, (group, match) in opened.items():
        numbers[id] = _open(connection, group, match, next(changes))
        _queue(connection, numbers[id], group.severity, now, sinks)
    for id, group in joined.items():
        numbers[id], risen = _fold(connection, group, next(changes))
        if risen:
            _queue(connection, numbers[id], group.severity, now, sinks)
    connection.executemany(
        "INSERT INTO counted VALUES (?, ?)", [(bytes.fromhex(id), numbers[alert]) for id, alert in placed]
    )
    return list(opened)


def next_change(connection: sqlite3.Connection, amount: int = 1) -> int:
    """The number of a change made now, the first of so many."""
    connection.execute("UPDATE changes SET last = last + ?", (amount,))
    return int(connection.execute("SELECT last FROM changes").fetchone()[0]) - amount + 1


def _known(connection: sqlite3.Connection, ids: Iterable[str]) -> set[str]:
    """Those of the matches that are part of an alert."""
    found: set[str] = set()
    keys = [bytes.fromhex(id) for id in ids]
    for begin in range(0, len(keys), _PIECE):
        piece = keys[begin : begin + _PIECE]
        marks = ", ".join("?" * len(piece))
        rows = connection.execute(f"SELECT match FROM counted WHERE match IN ({marks})", piece)
        found.update(row[0].hex() for row in rows)
    return found


def _near(connection: sqlite3.Connection, matches: Iterable[Match], window: float, now: float) -> list[Group]:
    """The alerts that these matches may join: of their groups, near in time, and not closed."""
    spans: dict[bytes, tuple[float, float]] = {}
    for match in matches:
        start, end = seconds(match.events[0].timestamp, now), seconds(match.events[-1].timestamp, now)
        key = group_key(match)
        before = spans.get(key, (start, end))
        spans[key] = min(before[0], start), max(before[1], end)
    return [
        Group(
            row["id"], key, row["start"], row["end"], row["count"], row["held"], [], row["detected"], row["severity"],
        )
        for key, (start, end) in spans.items()
        for row in connection.execute(_NEAR, (key, start - window, end + window))
    ]  # fmt: skip


def _open(connection: sqlite3.Connection, group: Group, match: Match, change: int) -> int:
    rule, user = match.rule, match.events[-1].user_name
    document = grown(first_document(match, group.detected), group)
    alert = document["kibana"]["alert"]
    number = connection.execute(
        _INSERT,
        (
            group.id, change, rule.uuid, rule.rule_id, rule.name, group.severity, alert["risk_score"], user,
            alert["reason"], msgspec.json.encode(document), group.key, group.start, group.end, group.count, group.held, group.detected,
        ),
    ).lastrowid  # fmt: skip
    _name(connection, number or 0, group)
    return number or 0


def _queue(
    connection: sqlite3.Connection, number: int, severity: int, now: float, sinks: Mapping[str, str]
) -> None:
    """Have the sinks told: also those that were told of it when it was less grave."""
    connection.executemany(
        "INSERT INTO outbox (sink, alert, due) VALUES (?, ?, ?) ON CONFLICT (sink, alert)"
        " DO UPDATE SET state = 'pending', due = excluded.due, attempts = 0, error = ''",
        [(sink, number, now) for sink, least in sinks.items() if severity >= rank(least)],
    )


def _fold(connection: sqlite3.Connection, group: Group, change: int) -> tuple[int, bool]:
    """The number of the alert that matches have joined, and whether it has become graver."""
    row = connection.execute("SELECT number, severity FROM alerts WHERE id = ?", (group.id,)).fetchone()
    number = int(row["number"])
    connection.execute(
        _FOLD, (group.start, group.end, group.count, group.held, group.detected, change, number)
    )
    _name(connection, number, group)
    if group.more:
        _grow(connection, number, group)
    return number, group.severity > row["severity"]


def _grow(connection: sqlite3.Connection, number: int, group: Group) -> None:
    row = connection.execute("SELECT document FROM alerts WHERE number = ?", (number,)).fetchone()
    document = grown(msgspec.json.decode(row["document"]), group)
    alert = document["kibana"]["alert"]
    connection.execute(
        _GROW, (group.severity, alert["risk_score"], alert["reason"], msgspec.json.encode(document), number)
    )


def _name(connection: sqlite3.Connection, number: int, group: Group) -> None:
    """Keep the ancestors that the alert's document does not name."""
    first = group.held - len(group.added)
    connection.executemany(
        "INSERT INTO ancestors VALUES (?, ?, ?)",
        [(number, first + place, msgspec.json.encode(each)) for place, each in enumerate(group.added)],
    )
