"""Have a detector look at a stream of events, as the pipeline does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from collector.formats import FORMATS
from detectors import DETECTORS
from event_model.alert import Match
from event_model.behaviour import Behaviour
from event_model.event import Event
from event_model.parts import Detector
from tests.detectors.traffic import START, batches, broker_behaviour, mesh_behaviour


def behaviour_of(format: str) -> Behaviour | None:
    """The declarations of the formats, and of two that are to come."""
    if format in ("mesh", "broker"):
        return mesh_behaviour() if format == "mesh" else broker_behaviour()
    found: Behaviour | None = getattr(FORMATS.find(format), "behaviour", None)
    return found


def made(name: str, options: dict[str, Any] | None = None) -> Detector:
    detector: Detector = DETECTORS.make(name, options)
    detector.attach(behaviour_of)
    return detector


def told(detector: Detector, events: list[Event], size: int = 500) -> list[Match]:
    return [match for batch in batches(events, size) for match in detector.inspect(batch)]


def parted(matches: list[Match], planted: list[Event]) -> tuple[list[Match], list[Match]]:
    """The matches that name a planted event, and the others."""
    theirs = {id(event) for event in planted}
    hits = [match for match in matches if any(id(event) in theirs for event in match.events)]
    return hits, [match for match in matches if match not in hits]


def after(day: float) -> Callable[[Match], bool]:
    """Whether a match is of a later time than so many days from the start."""
    return lambda match: moment_of(match) >= START + timedelta(days=day)


def moment_of(match: Match) -> datetime:
    return datetime.fromisoformat(match.events[-1].timestamp)
