"""Have the detectors look at what the rules have looked at, in a thread of their own.

A rule's alert waits for no detector. What they remember is derived from the journal and has a pointer into it:
a snapshot is taken now and then, and after a stop or a crash they go on from there. What has been looked at
before is then looked at again in silence.

    restore ─► journal, from the snapshot's record on ─► what comes, by a queue
               silent up to where they had come     ◄──  as events that are decoded already
                                              when the queue is full
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from event_model.alert import Match
from event_model.errors import NoRoom, StoreError
from event_model.event import Event
from event_model.parts import Detector
from store.alerts import AlertBook
from store.journal import Entry, Journal
from store.recent import START, Place
from tallyman.counters import Counters
from tallyman.feedback import RULES, Feedback
from tallyman.memory import Memory

log = logging.getLogger(__name__)
T = TypeVar("T")

BEHIND = 64  # batches that the detectors may lag behind the rules before they read the journal instead
LOOK = 0.2  # seconds
SECOND = 1.0  # between two looks at what triage decided, and two moves of the pointer
SNAPSHOT_SHARE = 50  # times as long as the last one took, until the next snapshot: 2 % of the time at most
TOGETHER = 512  # events handed to a detector at once
RETRY = 1.0  # seconds before what a full disk refused is tried again

Pairs = list[tuple[Entry, Event]]


def place_of(entry: Entry) -> Place:
    return entry.partition, entry.pointer


@dataclass(slots=True)
class Detection:
    """The detectors' thread (`run`), and the queue in front of it (`put`)."""

    detectors: dict[str, Detector]
    journal: Journal  # writable
    normalize: Callable[[Entry], Event]
    book: AlertBook  # with a pointer of its own
    memory: Memory
    feedback: Feedback
    counters: Counters
    wake: Callable[[], None] = lambda: None  # there is something to tell
    pause: float = 60.0  # seconds between two snapshots, at least
    silent: bool = False  # learn, and tell nobody
    once: bool = False  # look at all that was read before it ends
    error: Exception | None = field(default=None, init=False)  # why it gave up
    _queue: queue.Queue[Pairs | None] = field(default_factory=lambda: queue.Queue(BEHIND), init=False)
    _places: dict[str, Place] = field(default_factory=dict, init=False)  # up to where each one remembers
    _told: Place = field(default=START, init=False)  # up to where alerts have been told
    _written: Place = field(default=START, init=False)  # up to where the state file knows that
    _mutex: threading.Lock = field(default_factory=threading.Lock, init=False)
    _reading: bool = field(default=True, init=False)  # the journal, for it has not caught up yet
    _latest: Place = field(default=START, init=False)  # the last record that was put
    _given_up: threading.Event = field(default_factory=threading.Event, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _second: float = field(default=0.0, init=False)
    _due: float = field(default=0.0, init=False)  # when the next snapshot is

    def begin(self) -> None:
        """Restore what there is. What the store held before detectors first looked is only learnt from."""
        told, end = self.book.pointer(), self.journal.end
        if told is None or told > end:  # never looked; or a power failure took what was looked at
            told = end
            self.book.record([], 0.0, end)
        self._told = self._written = told
        for name, detector in self.detectors.items():
            self._places[name] = self.memory.restore(name, detector, end)
        self._due = time.monotonic() + self.pause

    def put(self, pairs: Pairs) -> None:
        """Have these looked at, after those before. Never waits: what finds no room is found in the journal."""
        with self._mutex:
            self._latest = place_of(pairs[-1][0])
            if not self._reading:
                try:
                    self._queue.put_nowait(pairs)
                except queue.Full:
                    self._reading = True

    def end(self) -> None:
        """There comes no more."""
        while not self._given_up.is_set():
            try:
                return self._queue.put(None, timeout=LOOK)
            except queue.Full:
                continue

    def run(self, stop: threading.Event) -> None:
        """Look at what the journal holds and then at what is put, until there comes no more.

        Sets `stop` if alerts can't be written.
        """
        self._stop = stop
        try:
            self._hear()
            self._catch_up()
            self._follow()
            self._catch_up()
            self._save()
        except Exception as error:  # whatever it is, the run must not go on with alerts lost
            log.exception("detection failed", extra={"reason": str(error)})
            self.error = error
            stop.set()
        finally:
            self._given_up.set()

    # catching up

    def _catch_up(self) -> None:
        """Read the journal behind what was looked at, until nothing is left that is not in the queue."""
        while self._reading and not self._ending():
            place, latest = min(self._places.values()), self._latest
            for entries in self._behind(place):
                self._look([(entry, self.normalize(entry)) for entry in entries])
                if self._ending():
                    return
            reached = min(self._places.values())
            with self._mutex:
                unreadable = place == reached and self._latest == latest  # else it was put during the reading
                if self._latest <= reached or unreadable:
                    self._reading = False
                    return

    def _ending(self) -> bool:
        """Whether to leave the rest of the journal to the next start."""
        return self._stop.is_set() and not self.once

    def _behind(self, place: Place) -> Iterator[list[Entry]]:
        for partition in self.journal.partitions():
            if partition >= place[0]:
                yield from self.journal.entries(partition, place[1] if partition == place[0] else -1)

    # looking

    def _follow(self) -> None:
        ended = False
        while not ended:
            pairs = self._next()
            ended = pairs is None
            if pairs:
                self._look(pairs)
            elif not ended:
                self._catch_up()
            self._tend()

    def _next(self) -> Pairs | None:
        """What was put, or nothing after a moment; None at the end."""
        try:
            return self._queue.get(timeout=LOOK)
        except queue.Empty:
            return []

    def _look(self, pairs: Pairs) -> None:
        """Have each detector look at what it has not seen, and tell of what was not told."""
        known = _until(self._told, pairs)
        fresh = pairs[len(known) :] if known else pairs
        if known:
            self._inspect(known)
        if fresh:
            matches = self._inspect(fresh)
            self._told = place_of(fresh[-1][0])
            if matches and not self.silent:
                self._record(matches)
        self.counters.put("detect_behind_seconds", max(0.0, time.time() - pairs[-1][0].received))
        self._tend()

    def _inspect(self, pairs: Pairs) -> list[Match]:
        last, matches = place_of(pairs[-1][0]), list[Match]()
        for name, detector in self.detectors.items():
            if last <= self._places[name]:
                continue
            seen = len(_until(self._places[name], pairs))
            events = [event for _, event in pairs[seen:] if event.kind != "pipeline_error"]
            matches += self._asked(name, detector, events)
            self._places[name] = last
        return matches

    def _asked(self, name: str, detector: Detector, events: list[Event]) -> list[Match]:
        started = time.perf_counter()
        found: list[Match] = []
        try:
            for some in _portions(events):
                found += detector.inspect(some)
        except Exception:  # a broken detector must not stop the rest
            log.exception("detector failed", extra={"detector": name})
            self.counters.add("inspector_failures")
            self.counters.add(f'detector_failures{{detector="{name}"}}')
        self.counters.add(f'detector_seconds{{detector="{name}"}}', time.perf_counter() - started)
        for match in found:
            self.counters.add(f'detector_matches{{detector="{match.rule.rule_id.removeprefix(RULES)}"}}')
        return found

    def _record(self, matches: list[Match]) -> None:
        place = self._told
        fresh = self._with_room(lambda: self.book.record(matches, time.time(), place))
        self._written = place
        if fresh:
            self.counters.add("alerts", len(fresh))
            self.wake()

    # around it

    def _tend(self) -> None:
        """Each second: hear what triage decided, note how far it has come; a snapshot when it is due."""
        now = time.monotonic()
        if now < self._second:
            return
        self._second = now + SECOND
        self._hear()
        if self._told > self._written:
            self._record([])
        if now >= self._due:
            self._save()

    def _hear(self) -> None:
        try:
            news = self.feedback.news()
        except StoreError as error:  # it is heard a second later
            log.error("feedback can't be read", extra={"reason": str(error)})
            return
        for verdict in news:
            self.counters.add("verdicts")
            for name, detector in self.detectors.items():
                try:
                    detector.judge(verdict)
                except Exception:  # as above
                    log.exception("detector failed on a verdict", extra={"detector": name})
                    self.counters.add("inspector_failures")
                    self.counters.add(f'detector_failures{{detector="{name}"}}')

    def _save(self) -> None:
        """Keep what each detector has learnt; the journal first, for nobody may remember what was never kept."""
        started = time.monotonic()
        self._with_room(self.journal.sync)
        self.memory.save(self.detectors, self._places)
        now = time.monotonic()
        self._due = now + max(self.pause, SNAPSHOT_SHARE * (now - started))

    def _with_room(self, write: Callable[[], T]) -> T:
        """What `write` gives, tried again while the disk is full. Raises NoRoom when told to stop meanwhile."""
        while True:
            try:
                return write()
            except NoRoom:
                if self._stop.wait(RETRY):
                    raise


def _until(place: Place, pairs: Pairs) -> Pairs:
    """Those of the pairs, which come in order, that do not stand behind the place."""
    if place_of(pairs[0][0]) > place:
        return []
    return [pair for pair in pairs if place_of(pair[0]) <= place]


def _portions(events: list[Event]) -> Iterable[list[Event]]:
    return (events[start : start + TOGETHER] for start in range(0, len(events), TOGETHER))
