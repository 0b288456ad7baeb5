"""Say what is usual for an entity: as the detectors remembered it at their last snapshot, with its latest alerts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from event_model.parts import Detector
from store.grouping import iso
from store.snapshots import Kept, Memories
from store.state import Alerts, State
from tallyman.config import Config
from tallyman.memory import UNUSABLE
from tallyman.wiring import make_detectors

log = logging.getLogger(__name__)
MOST_ALERTS = 20
MOST_HELD = 16  # snapshots that are kept in memory


class Held(NamedTuple):
    """A snapshot that was read."""

    written: float  # which writing of it
    taken: float = 0.0
    detector: Detector | None = None  # None where it can't be used


@dataclass(slots=True)
class Entities:
    """What is known of entities beside a store. A snapshot is read again once there is a newer one."""

    make: Callable[[], dict[str, Detector]]  # those that look on, knowing nothing yet
    memories: Memories
    alerts: Alerts
    _names: list[str] = field(init=False)
    _held: dict[tuple[str, str], Held] = field(default_factory=dict, init=False)  # last used, last
    _mutex: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._names = list(self.make())

    def about(self, entity: str, cluster: str | None = None) -> dict[str, Any] | None:
        """What is usual for it, by detector, and the latest alerts about it; None where nobody knows it.

        Of several clusters the one where it was seen last, unless one is named; alerts are those of all. Where several
        machines know it, as the one does that wrote its memory down last.
        """
        usual, taken = self._usual(entity, cluster)
        alerts = self.alerts.listed(user=entity, limit=MOST_ALERTS).alerts
        if not usual and not alerts:
            return None
        return {"entity": entity, "as_of": iso(taken) if taken else None, "usual": usual, "alerts": alerts}

    def _usual(self, entity: str, cluster: str | None) -> tuple[dict[str, Any], float]:
        """By detector what is usual, and when that was written down."""
        usual, taken = dict[str, Any](), 0.0
        with self._mutex:  # a detector is read by one thread at a time
            for kept in self.memories.kept():
                if kept.detector not in self._names or kept.detector in usual:
                    continue
                held = self._remembered(kept)
                found = held.detector.usual(entity, cluster) if held.detector else None
                if found is not None:
                    usual[kept.detector], taken = found, max(taken, held.taken)
        return {name: usual[name] for name in self._names if name in usual}, taken

    def _remembered(self, kept: Kept) -> Held:
        """A detector as it was at its last snapshot."""
        key = (kept.owner, kept.detector)
        held = self._held.pop(key, None)
        if held is None or held.written != kept.written:
            held = self._restored(kept)
        self._held[key] = held
        if len(self._held) > MOST_HELD:
            del self._held[next(iter(self._held))]
        return held

    def _restored(self, kept: Kept) -> Held:
        try:
            found = self.memories.read(kept)
            if found is not None:
                detector = self.make()[kept.detector]
                detector.restore(found.body)
                return Held(kept.written, found.taken, detector)
        except UNUSABLE as error:  # the run says so too, and learns again
            log.warning("snapshot can't be read", extra={"detector": kept.detector, "reason": str(error)})
        return Held(kept.written)


def entities_of(config: Config, state: State) -> Entities:
    """What is known of entities in the store of a configuration."""
    section = config.detectors
    return Entities(lambda: make_detectors(section), state.memories, state.alerts)
