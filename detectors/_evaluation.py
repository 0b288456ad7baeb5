"""Run a detector over a labelled or unlabelled stream and write what it tells, in a form that can be scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from detectors._watch.budget import Everything
from event_model.alert import Match
from event_model.event import Event, identity
from event_model.parts import Detector

MOST_IDS = 100


def alerts(
    detector: Detector, batches: Iterable[list[Event]], floor: float | None = None
) -> Iterator[dict[str, Any]]:
    """What the detector tells of the events: `{"time", "score", "entity", "event_ids"}`.

    Without `floor` that is what it would raise, by its own threshold. With `floor`, every score from there up, each
    time it has grown: for ranking.
    """
    if floor is not None:
        tell_all(detector, floor)
    for events in batches:
        for match in detector.inspect(events):
            yield told(match)


def tell_all(detector: Detector, floor: float) -> None:
    """Have a detector tell of every score from a floor up, instead of what its budget leaves."""
    detector.offers = Everything(floor)  # type: ignore[attr-defined]


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
