"""What someone should look at: a finding of a rule or detector, with the events that it rests on.

Document names are Kibana's (`kibana.alert.*`), so that Kibana can read our alerts.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from msgspec import Struct

from event_model.event import ECS_VERSION, Event, identity
from event_model.fields import document, nest, plain

SEVERITIES = ("low", "medium", "high", "critical")
# Sigma level -> severity and risk score
LEVELS: dict[str, tuple[str, int]] = {
    "informational": ("low", 5),
    "low": ("low", 21),
    "medium": ("medium", 47),
    "high": ("high", 73),
    "critical": ("critical", 99),
}
MOST_ANCESTORS = 100


class RuleInfo(Struct, frozen=True):
    """What an alert says of its rule; the rule itself stays in its engine."""

    uuid: str  # Sigma id
    rule_id: str  # file name without .yml
    name: str
    level: str  # a key of LEVELS
    description: str = ""
    author: str = ""
    license: str = ""
    version: str = "1"
    tags: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()  # ATT&CK ids, upper case: T1611
    controls: tuple[str, ...] = ()  # framework:control
    references: tuple[str, ...] = ()
    false_positives: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()  # ECS fields whose values tell one group of alerts from another


class Match(Struct, frozen=True):
    """A rule met: by one event, or by several for a correlation; the last is the one that completed it."""

    rule: RuleInfo
    events: tuple[Event, ...]
    reason: str  # one sentence
    matched: dict[str, Any] = {}  # field -> value that met the rule, for "why this alert"
    group: tuple[str, ...] = ()  # values of the rule's group_by fields
    # a detector's reasons, as data: its `risk` (0-100) is the alert's, its `terms` (facet, value, nats) add up
    evidence: dict[str, Any] = {}

    @property
    def severity(self) -> str:
        return LEVELS[self.rule.level][0]


def alert_id(match: Match) -> str:
    """The same for the same rule, version and events, so that a replay makes the same alert: 40 hex digits."""
    parts = [match.rule.uuid, match.rule.version, *(identity(event) for event in match.events)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def risk_of(match: Match) -> int:
    """How grave it is, 0 to 100."""
    risk: int = match.evidence.get("risk", LEVELS[match.rule.level][1])
    return risk


def alert_document(match: Match, now: datetime) -> dict[str, Any]:
    """A match as a nested alert document; `now` is the moment of detection."""
    event, rule = match.events[-1], match.rule
    flat = {
        "kibana.alert.uuid": alert_id(match),
        "kibana.alert.reason": match.reason,
        "kibana.alert.severity": match.severity,
        "kibana.alert.risk_score": risk_of(match),
        "kibana.alert.status": "active",
        "kibana.alert.workflow_status": "open",
        "kibana.alert.depth": 1,
        "kibana.alert.start": match.events[0].timestamp,
        "kibana.alert.end": event.timestamp,
        "kibana.alert.last_detected": now.isoformat().replace("+00:00", "Z"),
        "kibana.alert.original_time": event.timestamp,
        "kibana.alert.ancestors": [
            {"id": identity(each), "hash": each.record.hash(), "type": "event", "depth": 0}
            for each in match.events[:MOST_ANCESTORS]
        ],
        "kibana.alert.rule.uuid": rule.uuid,
        "kibana.alert.rule.rule_id": rule.rule_id,
        "kibana.alert.rule.name": rule.name,
        "kibana.alert.rule.description": rule.description,
        "kibana.alert.rule.author": rule.author,
        "kibana.alert.rule.license": rule.license,
        "kibana.alert.rule.version": rule.version,
        "kibana.alert.rule.tags": list(rule.tags),
        "kibana.alert.rule.references": list(rule.references),
        "kibana.alert.rule.false_positives": list(rule.false_positives),
        "kibana.alert.rule.producer": "tallyman",
        "threat.framework": "MITRE ATT&CK" if rule.techniques else None,
        "threat.technique.id": list(rule.techniques),
        "tallyman.alert.matched": plain(match.matched),
        "tallyman.alert.evidence": plain(match.evidence),
        "tallyman.alert.controls": list(rule.controls),
    }
    doc = document(event)
    whole = nest({name: value for name, value in flat.items() if value not in (None, "", [], {})})
    for name, value in whole.items():
        below = doc.get(name)
        doc[name] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) else value
    doc["event"]["kind"] = "signal"
    doc["@timestamp"] = now.isoformat().replace("+00:00", "Z")
    doc["ecs"] = {"version": ECS_VERSION}
    return doc
