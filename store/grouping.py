"""Fold the matches of one rule that belong together into one alert.

09:00  alice reads a secret    a new alert
09:10  alice reads a secret    the same alert: 2 matches, until 09:10
09:12  bob reads a secret      another group, another alert
10:09  alice reads a secret    within an hour of the group's last: 3 matches
11:30  alice reads a secret    a new alert

A match that is graver than those before, or has reasons of its own, makes the alert grow.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from event_model.alert import MOST_ANCESTORS, SEVERITIES, Match, alert_document, alert_id, risk_of
from event_model.event import identity
from event_model.fields import plain

WINDOW = 3600.0  # seconds
_EPOCH = datetime.fromtimestamp(0, UTC)
_FIRST, _LAST = -62_135_596_800.0, 253_402_300_799.0  # of the years 1 and 9999, which `iso` can write
_MOST_GROUPS = 10_000  # keys with open groups
_MOST_OF_KEY = 16  # open groups of one key, for events that don't come in the order of time
_MOST_KNOWN = 200_000  # matches that are known again
_MOST_REASONS = 20  # of a detector's, for one alert


class Group(Struct):
    """An alert that further matches may join. Times are those of its events, in seconds since the epoch."""

    id: str  # of the alert
    key: bytes
    start: float
    end: float
    count: int = 0
    held: int = 0  # ancestors that the alert names already
    added: list[dict[str, Any]] = []  # ancestors that it should name as well
    detected: float = 0.0
    severity: int = 0  # place in SEVERITIES
    more: list[Match] = []  # that say more than that it happened again


def seconds(timestamp: str, otherwise: float = 0.0) -> float:
    """RFC 3339 as seconds since the epoch; `otherwise` for what is no time."""
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return otherwise
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - _EPOCH).total_seconds(), _FIRST), _LAST)


def iso(moment: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC, to the microsecond."""
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


def group_key(match: Match) -> bytes:
    """The same for matches that belong together: one rule, one cluster, equal values of `group_by`."""
    event = match.events[-1]
    parts = [match.rule.uuid, event.cluster or event.origin.cluster, *match.group]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()[:16]


def ancestors(match: Match) -> list[dict[str, Any]]:
    """The match's events, as alert documents name them."""
    return [
        {"id": identity(event), "hash": event.record.hash(), "type": "event", "depth": 0}
        for event in match.events
    ]


class Groups:
    """The open groups: where a match belongs. The least recently used ones are closed past `most`."""

    def __init__(self, window: float = WINDOW, most: int = _MOST_GROUPS) -> None:
        self._window, self._most = window, most
        self._open: OrderedDict[bytes, list[Group]] = OrderedDict()

    def hold(self, group: Group) -> None:
        """Take up an open group."""
        groups = self._open.setdefault(group.key, [])
        groups.append(group)
        del groups[:-_MOST_OF_KEY]
        if len(self._open) > self._most:
            self._open.popitem(last=False)

    def place(self, id: str, match: Match, now: float) -> tuple[Group, bool]:
        """The group that the match counts in now, and whether it is a new one, whose alert is `id`."""
        key = group_key(match)
        now = round(now, 6)  # to the microsecond, as every store keeps it: a copy is the same
        start, end = seconds(match.events[0].timestamp, now), seconds(match.events[-1].timestamp, now)
        near = [
            group
            for group in self._open.get(key, ())
            if start - self._window <= group.end and end + self._window >= group.start
        ]
        if near:
            self._open.move_to_end(key)
            group = min(near, key=lambda each: (each.start, each.id))
            _join(group, match, start, end, now)
            return group, False
        held, severity = min(len(match.events), MOST_ANCESTORS), SEVERITIES.index(match.severity)
        group = Group(id, key, start, end, 1, held, [], now, severity)
        self.hold(group)
        return group, True


def _join(group: Group, match: Match, start: float, end: float, now: float) -> None:
    if group.held < MOST_ANCESTORS:
        more = ancestors(match)[: MOST_ANCESTORS - group.held]
        group.added = [*group.added, *more]
        group.held += len(more)
    group.start, group.end = min(group.start, start), max(group.end, end)
    group.count, group.detected = group.count + 1, now
    severity = SEVERITIES.index(match.severity)
    if match.evidence or severity > group.severity:
        group.severity, group.more = max(group.severity, severity), [*group.more, match]


def grown(document: dict[str, Any], group: Group) -> dict[str, Any]:
    """The document of a group's first match, told as its gravest match tells it, with the reasons of all."""
    alert = document["kibana"]["alert"]
    for match in group.more:
        ours = document.setdefault("tallyman", {}).setdefault("alert", {})
        terms = _reasons(ours.get("evidence", {}), match.evidence)
        if risk_of(match) > alert["risk_score"]:
            alert["risk_score"], alert["reason"] = risk_of(match), match.reason
            told = {"matched": match.matched, "evidence": match.evidence}
            ours |= {name: plain(value) for name, value in told.items() if value}
        if terms:
            ours["evidence"] = {**ours.get("evidence", {}), "terms": terms}
    alert["severity"] = SEVERITIES[group.severity]
    return document


def _reasons(known: dict[str, Any], more: dict[str, Any]) -> list[dict[str, Any]]:
    """The terms of two pieces of evidence, the largest first, each once."""
    terms = [*known.get("terms", ()), *plain(more.get("terms", ()))]
    each = {(term.get("facet"), term.get("value")): term for term in terms}
    return sorted(each.values(), key=lambda term: -term.get("nats", 0.0))[:_MOST_REASONS]


def complete(document: dict[str, Any], group: Group) -> dict[str, Any]:
    """The document of a group's first match, with what its later ones add."""
    if group.count < 2:
        return document
    alert = document["kibana"]["alert"]
    alert["start"], alert["end"], alert["last_detected"] = (
        iso(group.start),
        iso(group.end),
        iso(group.detected),
    )
    alert["duration"] = {"us": round((group.end - group.start) * 1_000_000)}
    named = {each["id"]: each for each in [*alert.get("ancestors", ()), *group.added]}
    alert["ancestors"] = list(named.values())
    alert["suppression"] = {
        **alert.get("suppression", {}),
        "docs_count": group.count - 1,
        "start": iso(group.start),
        "end": iso(group.end),
    }
    return document


def first_document(match: Match, now: float) -> dict[str, Any]:
    """The alert of a match that begins a group."""
    document = alert_document(match, datetime.fromtimestamp(now, UTC))
    if match.group and len(match.group) == len(match.rule.group_by):
        terms = [
            {"field": field, "value": value}
            for field, value in zip(match.rule.group_by, match.group, strict=True)
        ]
        document["kibana"]["alert"]["suppression"] = {"docs_count": 0, "terms": terms}
    return document


class Grouping:
    """Alerts in memory, for a scan: matches in, in their order; documents out at the end."""

    def __init__(self, window: float = WINDOW) -> None:
        self._groups = Groups(window)
        self._known: OrderedDict[str, None] = OrderedDict()
        # encoded, for a dictionary takes ten times the room
        self._alerts: dict[str, tuple[Group, bytes]] = {}

    def add(self, matches: Iterable[Match], now: float) -> None:
        """Count matches in; one that was counted before changes nothing."""
        for match in matches:
            id = alert_id(match)
            if id in self._known:
                continue
            self._known[id] = None
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
            group, new = self._groups.place(id, match, now)
            if new:
                self._alerts[id] = group, msgspec.json.encode(first_document(match, now))
            elif group.more:
                document = grown(msgspec.json.decode(self._alerts[group.id][1]), group)
                self._alerts[group.id] = group, msgspec.json.encode(document)
                group.more = []

    def __len__(self) -> int:
        return len(self._alerts)

    def documents(self) -> Iterable[dict[str, Any]]:
        """Each alert with all that was counted in, in the order of their first matches."""
        for group, document in self._alerts.values():
            yield complete(msgspec.json.decode(document), group)
