"""The path of one record: read, normalize, keep, inspect, tell.

    source ─┐                          ┌─► store (index)        its own thread, commits every second
    source ─┼─► inbox ─► normalize ─► journal                   fsync in groups, its own thread
    source ─┘  bounded                 ├─► rules ─► alerts and outbox ─► sinks          a thread each
                                       └─► detectors ─► alerts and outbox           their own thread

The middle is one thread: it takes a batch, makes events, appends the records to the journal, has the rules look
at the events and writes the alerts. What is behind the journal is derived from it: after a crash the index, the
rules and the detectors go on from the record they had come to. On a full disk all of it waits, and goes on when
there is room.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from event_model.alert import Match
from event_model.errors import NoRoom, StoreError, Unreadable
from event_model.event import Event, Record
from event_model.parts import Batch, Format, Inspector, Source
from store.journal import Entry, Journal
from tallyman.counters import Counters
from tallyman.detecting import Detection
from tallyman.intake import Intake
from tallyman.outbox import Teller

log = logging.getLogger(__name__)
T = TypeVar("T")
Safe = dict[int, Event]  # id of an event -> the event with secrets replaced

SYNC_PAUSE = 0.05  # seconds between two fsyncs: what comes in meanwhile shares the next one
RETRY = 1.0  # seconds before what a full disk refused is tried again


@dataclass(slots=True)
class Pipeline:
    """Everything of one `tallyman run`; `run` returns when `stop` is set and all that was read is safe."""

    sources: dict[str, Source]
    format_of: Callable[[str, str], Format]  # (source name, format name) -> its format
    journal: Journal
    normalize: Callable[[Entry], Event]
    index: Any  # tallyman.indexing.Indexer, or store.elastic.feed.Feed
    book: Any  # store.alerts.AlertBook
    inspectors: list[Inspector]
    deliverers: Sequence[Teller]
    redact_unread: Callable[[bytes], bytes]
    counters: Counters = field(default_factory=Counters)
    on_second: Callable[[], None] = lambda: None  # housekeeping: counters to the state file, retention
    once: bool = False  # the sources end by themselves, and an error of one ends the run
    detection: Detection | None = None  # the detectors, who look on behind the inspectors
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _error: BaseException | None = field(default=None, init=False)
    _untidy: str = field(default="", init=False)  # why the housekeeping fails

    def run(self, stop: threading.Event) -> None:
        """Read until told to stop, then finish what was read. Raises StoreError when the disk refuses."""
        self._stop = stop
        self.resume()
        if self.detection:
            self.detection.begin()
        intake = Intake(self.sources, lambda: self.journal.positions, self.counters, self.once)
        intake.begin(stop)
        ended = threading.Event()
        indexer = _thread("index", self.index.run, stop)
        looking = _thread("detect", self.detection.run, stop) if self.detection else None
        helpers = [_thread("sync", self._sync, ended)]
        helpers += [_thread(f"tell {each.name}", each.run, ended) for each in self.deliverers]
        try:
            for batch in intake.batches():
                self.take(batch)
        finally:
            stop.set()
            intake.close()
            self.index.put(None)
            indexer.join()
            if self.detection and looking:
                self.detection.end()
                looking.join()
            ended.set()
            for thread in helpers:
                thread.join()
        for error in (self._error, self.index.error, self.detection and self.detection.error, intake.error):
            if error:
                raise error
        self.journal.sync()
        self._tidy()

    def resume(self) -> None:
        """Catch up with the journal after a stop or a crash: the index, then the inspectors."""
        self._with_room(self.index.catch_up)
        for entries in self.book.uninspected(self.journal):
            self._inspect([self.normalize(entry) for entry in entries if not entry.reason], entries[-1])
            if self._stop.is_set():
                return

    def take(self, batch: Batch) -> None:
        """One batch through the middle: normalize, journal, inspect; the index gets it by its queue."""
        kept, reasons, events, safe = self._understand(batch)
        entries = self._with_room(lambda: self.journal.append(kept, reasons))
        self.counters.read(batch.origin.source, len(events), len(entries) - len(events), len(entries))
        self.counters.put("ingest_lag_seconds", max(0.0, time.time() - batch.received))
        if entries:
            self._inspect(events, entries[-1], safe)
            understood = iter([safe.get(id(event), event) for event in events])
            pairs = [(each, self.normalize(each) if each.reason else next(understood)) for each in entries]
            self.index.put(pairs)
            if self.detection:
                self.detection.put(pairs)

    def _understand(self, batch: Batch) -> tuple[Batch, dict[int, str], list[Event], Safe]:
        """The batch as it is kept, why some of its records are dead letters, and the events of the others.

        Where secrets were replaced in a record, the event of what is left stands beside the event (by its id()).
        """
        records: list[Record] = []
        reasons: dict[int, str] = {}
        events: list[Event] = []
        safe: Safe = {}
        format = self.format_of(batch.origin.source, batch.origin.format) if batch.records else None
        for record in batch.records:
            try:
                assert format
                event = format.normalize(record, batch.origin)
                left = format.redact(record, event)
                if left is not record:
                    safe[id(event)] = format.normalize(left, batch.origin)
                records.append(left)
                events.append(event)
            except Unreadable as error:
                reasons[len(records)] = str(error)
                records.append(self._safe(record))
            except Exception as error:  # a record that its format stumbles over must not stop the rest
                log.exception("format failed", extra={"format": batch.origin.format, "offset": record.offset})
                self.counters.add("format_failures")
                reasons[len(records)] = f"the format failed: {type(error).__name__}: {error}"
                records.append(self._safe(record))
        dead = [(self._safe(record), reason) for record, reason in batch.dead]
        return (
            Batch(batch.origin, records, batch.key, batch.position, batch.received, dead),
            reasons,
            events,
            safe,
        )

    def _safe(self, record: Record) -> Record:
        raw = self.redact_unread(record.raw)
        return record if raw == record.raw else Record(raw, record.offset, record.hash())

    def _inspect(self, events: list[Event], last: Entry, safe: Safe | None = None) -> None:
        matches: list[Match] = []
        started = time.perf_counter()
        for inspector in self.inspectors:
            try:
                matches += retold(inspector, inspector.inspect(events), safe or {})
            except Exception:  # a broken detector must not stop the rest
                log.exception("inspector failed", extra={"inspector": type(inspector).__name__})
                self.counters.add("inspector_failures")
        self.counters.add("rule_eval_seconds", time.perf_counter() - started)
        pointer = (last.partition, last.pointer)
        fresh = self._with_room(lambda: self.book.record(matches, time.time(), pointer))
        if fresh:
            self.counters.add("alerts", len(fresh))
            self.wake()

    def wake(self) -> None:
        """There is something to tell."""
        for deliverer in self.deliverers:
            deliverer.wake()

    def _with_room(self, write: Callable[[], T]) -> T:
        """What `write` gives; while the disk is full it is tried again. Raises NoRoom when told to stop meanwhile."""
        full = False
        while True:
            try:
                done = write()
            except NoRoom as error:
                if self._stop.is_set():
                    raise
                if not full:
                    log.error("disk full: nothing is read until there is room", extra={"reason": str(error)})
                    self.counters.add("disk_full")
                full = True
                self._stop.wait(RETRY)
                continue
            if full:
                log.warning("there is room again")
            return done

    def _sync(self, ended: threading.Event) -> None:
        second = time.monotonic() + 1
        while not ended.wait(SYNC_PAUSE):
            try:
                self.journal.sync()
            except (StoreError, OSError) as error:
                log.error("journal failed", extra={"reason": str(error)})
                self._error = error
                self._stop.set()
                return
            if time.monotonic() >= second:
                self._tidy()
                second = time.monotonic() + 1

    def _tidy(self) -> None:
        try:
            self.on_second()
            self._untidy = ""
        except (StoreError, OSError) as error:  # records are safe without it
            if str(error) != self._untidy:
                log.error("housekeeping failed", extra={"reason": str(error)})
            self._untidy = str(error)


def retold(inspector: Inspector, matches: list[Match], safe: Safe) -> list[Match]:
    """These matches, told of events as they may be kept."""
    return [
        inspector.retell(match, safe[id(match.events[-1])]) if id(match.events[-1]) in safe else match
        for match in matches
    ]


def _thread(name: str, run: Callable[..., None], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=run, args=args, name=name, daemon=True)
    thread.start()
    return thread
