"""Say what is usual for an entity: as the detectors remembered it at their last snapshot, with its latest alerts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from event_model.parts import Detector
from store.grouping import iso
from store.snapshots import Snapshots
from store.state import Alerts, State
from tallyman.config import Config
from tallyman.memory import UNUSABLE
from tallyman.wiring import make_detectors

log = logging.getLogger(__name__)
MOST_ALERTS = 20


class Held(NamedTuple):
    """A snapshot that was read."""

    changed: float  # when its file was written
    taken: float = 0.0
    detector: Detector | None = None  # None where it can't be used


@dataclass(slots=True)
class Entities:
    """What is known of entities beside a store. A snapshot is read again once there is a newer one."""

    make: Callable[[], dict[str, Detector]]  # those that look on, knowing nothing yet
    snapshots: Snapshots
    alerts: Alerts
    _names: list[str] = field(init=False)
    _held: dict[str, Held] = field(default_factory=dict, init=False)
    _mutex: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._names = list(self.make())

    def about(self, entity: str) -> dict[str, Any] | None:
        """What is usual for it, by detector, and the latest alerts about it; None where nobody knows it."""
        usual, taken = {}, 0.0
        with self._mutex:  # a detector is read by one thread at a time
            for name in self._names:
                held = self._remembered(name)
                found = held.detector.usual(entity) if held and held.detector else None
                if held and found is not None:
                    usual[name], taken = found, max(taken, held.taken)
        alerts = self.alerts.listed(user=entity, limit=MOST_ALERTS).alerts
        if not usual and not alerts:
            return None
        return {"entity": entity, "as_of": iso(taken) if taken else None, "usual": usual, "alerts": alerts}

    def _remembered(self, name: str) -> Held | None:
        """A detector as it was at its last snapshot; None where there was none."""
        try:
            changed = self.snapshots.path(name).stat().st_mtime
        except OSError:
            return None
        held = self._held.get(name)
        if held is None or held.changed != changed:
            held = self._held[name] = self._restored(name, changed)
        return held

    def _restored(self, name: str, changed: float) -> Held:
        try:
            found = self.snapshots.load(name)
            if found is not None:
                detector = self.make()[name]
                detector.restore(found.body)
                return Held(changed, found.taken, detector)
        except UNUSABLE as error:  # the run says so too, and learns again
            log.warning("snapshot can't be read", extra={"detector": name, "reason": str(error)})
        return Held(changed)


def entities_of(config: Config, state: State) -> Entities:
    """What is known of entities in the store of a configuration."""
    section = config.detectors
    return Entities(
        lambda: make_detectors(section),
        Snapshots(config.store.path),
        state.alerts,
    )
