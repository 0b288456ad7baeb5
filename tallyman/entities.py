"""Say what is usual for an entity: as the detectors remembered it at their last snapshot, with its latest alerts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from event_model.parts import Detector
from store.grouping import iso
from store.snapshots import Snapshots, Stale
from store.state import Alerts, State
from tallyman.config import Config
from tallyman.wiring import make_detector

MOST_ALERTS = 20


@dataclass(slots=True)
class Entities:
    """What is known of entities beside a store. A snapshot is read again once there is a newer one."""

    names: list[str]  # of the detectors that look on
    make: Callable[[str], Detector]
    snapshots: Snapshots
    alerts: Alerts
    _held: dict[str, tuple[float, Detector | None]] = field(default_factory=dict, init=False)
    _mutex: threading.Lock = field(default_factory=threading.Lock, init=False)

    def about(self, entity: str) -> dict[str, Any] | None:
        """What is usual for it, by detector, and the latest alerts about it; None where nobody knows it."""
        usual, taken = {}, 0.0
        with self._mutex:  # a detector is read by one thread at a time
            for name in self.names:
                when, detector = self._remembered(name)
                found = detector.usual(entity) if detector else None
                if found is not None:
                    usual[name], taken = found, max(taken, when)
        alerts = self.alerts.listed(user=entity, limit=MOST_ALERTS).alerts
        if not usual and not alerts:
            return None
        return {"entity": entity, "as_of": iso(taken) if taken else None, "usual": usual, "alerts": alerts}

    def _remembered(self, name: str) -> tuple[float, Detector | None]:
        """A detector as it was at its last snapshot, and when that was."""
        try:
            changed = self.snapshots.path(name).stat().st_mtime
        except OSError:
            return 0.0, None
        held = self._held.get(name)
        if held is None or held[0] != changed:
            held = self._held[name] = changed, self._restored(name)
        return held

    def _restored(self, name: str) -> Detector | None:
        detector = self.make(name)
        try:
            found = self.snapshots.load(name)
            if found is None:
                return None
            detector.restore(found.body)
        except (Stale, ValueError):
            return None  # the run says so, and learns again
        return detector


def entities_of(config: Config, state: State) -> Entities:
    """What is known of entities in the store of a configuration."""
    section = config.detectors
    return Entities(
        section.enabled,
        lambda name: make_detector(section, name),
        Snapshots(config.store.path),
        state.alerts,
    )
