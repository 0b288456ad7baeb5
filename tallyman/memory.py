"""What the detectors remember: restored at the start, written down now and then, each with its place in the journal."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from event_model.parts import Detector
from store.journal import Journal
from store.recent import START, Place, newest
from store.snapshots import Snapshots, Stale
from tallyman.counters import Counters

log = logging.getLogger(__name__)
MOST_HISTORY = 1_000_000  # records that a detector without memory learns from
UNUSABLE = (
    Stale,
    ValueError,
    LookupError,
    TypeError,
    msgspec.MsgspecError,
)  # whatever is wrong with a memory


@dataclass(frozen=True, slots=True)
class Memory:
    """The snapshots of a run's detectors."""

    snapshots: Snapshots
    journal: Journal  # writable
    counters: Counters
    history: float = 7 * 86_400.0  # seconds of the store that a detector without memory learns from

    def restore(self, name: str, detector: Detector, end: Place) -> Place:
        """Up to where the detector remembers: its snapshot's record, or where the recent history begins.

        `end` is the journal's. A snapshot that can't be used is refused with a reason in the log. What came after
        a record whose partition is gone is not known, so its snapshot is not used either.
        """
        try:
            found = self.snapshots.load(name)
            if found is not None:
                self._check(found.place, end)
                detector.restore(found.body)
                return found.place
        except UNUSABLE as error:
            log.warning("snapshot refused; learning again", extra={"detector": name, "reason": str(error)})
            self.counters.add("snapshots_refused")
        place = newest(self.journal, MOST_HISTORY, time.time() - self.history)
        log.info("learning from the store", extra={"detector": name, "since": place})
        return place

    def _check(self, place: Place, end: Place) -> None:
        if place > end:
            raise Stale("it reaches further than the journal")
        if place != START and place[0] not in self.journal.partitions():
            raise Stale(f"what came after it is no longer kept (partition {place[0]})")

    def save(self, detectors: Mapping[str, Detector], places: Mapping[str, Place]) -> None:
        """Write down what each one has learnt up to its place, which the journal holds for good by now.

        Where that fails the last snapshot is still there, and what came after it is in the journal.
        """
        for name, detector in detectors.items():
            try:
                size = self.snapshots.save(name, places[name], time.time(), detector.snapshot())
                self.counters.put(f'detector_bytes{{detector="{name}"}}', size)
            except Exception as error:  # a full disk, a broken detector: neither stops the rest
                log.error("no snapshot", extra={"detector": name, "reason": str(error)})
                self.counters.add("snapshot_failures")
            self._tell(name, detector)

    def _tell(self, name: str, detector: Detector) -> None:
        try:
            for part, facts in detector.standing().items():
                for what, value in facts.items():
                    self.counters.put(f'detector_{what}{{detector="{part or name}"}}', value)
        except Exception:  # what it says of itself is of use, and no more
            log.exception("detector does not say how it stands", extra={"detector": name})
