"""Have a detector tell of everything, and write what it tells in a form that can be scored."""

from __future__ import annotations

from typing import Any

from detectors._watch.budget import Everything
from event_model.alert import Match
from event_model.event import Event, identity
from event_model.parts import Detector

MOST_IDS = 100


def tell_all(detector: Detector, floor: float) -> None:
    """Have a detector tell of every score from a floor up, instead of what its budget leaves."""
    for each in getattr(detector, "members", {"": detector}).values():
        each.offers = Everything(floor)


def told(match: Match) -> dict[str, Any]:
    """One alert, as `score_alerts` reads it."""
    event = match.events[-1]
    evidence = match.evidence
    return {
        "time": event.start or event.timestamp,
        "score": evidence.get("score", 0.0),
        "entity": evidence.get("entity", event.user_name),
        "event_ids": [native_id(each) for each in match.events[-MOST_IDS:]],
        "rule": match.rule.rule_id,
        "level": match.rule.level,
    }


def native_id(event: Event) -> str:
    """The id that the record itself has, without the stage that is added for Kubernetes; ours where it has none."""
    return str(getattr(event.native, "auditID", "") or event.id or identity(event))
