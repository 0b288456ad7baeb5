"""The path of one record: read, normalize, keep, inspect, tell.

    source ─┐                          ┌─► store (index)        its own thread, commits every second
    source ─┼─► inbox ─► normalize ─► journal                   fsync in groups, its own thread
    source ─┘  bounded                 └─► inspectors ─► alerts and outbox ─► sinks     a thread each

The middle is one thread: it takes a batch, makes events, appends the records to the journal, looks at the
events and writes the alerts. What is behind the journal is derived from it: after a crash the index and the
inspectors go on from the record they had come to.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from event_model.alert import Match
from event_model.errors import StoreError, Unreadable
from event_model.event import Event, Record
from event_model.parts import Batch, Format, Inspector, Source
from store.journal import Entry, Journal
from tallyman.counters import Counters
from tallyman.outbox import Deliverer

log = logging.getLogger(__name__)

INBOX = 64  # batches; a full inbox is what makes sources wait
BEHIND = 64  # batches that the index may lag behind the journal before the middle waits for it
SYNC_PAUSE = 0.05  # seconds between two fsyncs: what comes in meanwhile shares the next one
COMMIT_PAUSE = 0.8  # seconds between two commits of the index: an event is searchable within a second


@dataclass(slots=True)
class Pipeline:
    """Everything of one `tallyman run`; `run` returns when `stop` is set and all that was read is safe."""

    sources: dict[str, Source]
    format_of: Callable[[str, str], Format]  # (source name, format name) -> its format
    journal: Journal
    store: Any  # store.embedded.Embedded, writable
    book: Any  # store.alerts.AlertBook
    inspectors: list[Inspector]
    deliverers: list[Deliverer]
    redact_unread: Callable[[bytes], bytes]
    counters: Counters = field(default_factory=Counters)
    on_second: Callable[[], None] = lambda: None  # housekeeping: counters to the state file, retention
    _inbox: queue.Queue[Batch] = field(default_factory=lambda: queue.Queue(INBOX), init=False)
    _index: queue.Queue[list[tuple[Entry, Event]] | None] = field(
        default_factory=lambda: queue.Queue(BEHIND), init=False
    )
    _broken: list[BaseException] = field(default_factory=list, init=False)

    def run(self, stop: threading.Event) -> None:
        """Read until told to stop, then finish what was read. Raises StoreError when the disk refuses."""
        self.resume()
        readers = [
            _thread(f"read {name}", self._read, name, source, stop) for name, source in self.sources.items()
        ]
        ended = threading.Event()
        helpers = [_thread("index", self._keep, stop), _thread("sync", self._sync, ended, stop)]
        tellers = [_thread(f"tell {each.name}", each.run, ended) for each in self.deliverers]
        try:
            self._work(readers, stop)
        finally:
            stop.set()
            self._index.put(None)
            helpers[0].join()
            ended.set()
            for thread in (helpers[1], *tellers):
                thread.join()
            self.journal.sync()
            self.on_second()
        if self._broken:
            raise self._broken[0]

    def resume(self) -> None:
        """Catch up with the journal after a stop or a crash: the index, then the inspectors."""
        self.store.catch_up()
        for entries in self.book.uninspected(self.journal):
            events = [self.store.normalize(entry) for entry in entries if not entry.reason]
            self._inspect(events, entries[-1])

    def take(self, batch: Batch) -> None:
        """One batch through the middle: normalize, journal, inspect; the index gets it by its queue."""
        format = self.format_of(batch.origin.source, batch.origin.format)
        records: list[Record] = []
        events: list[Event] = []
        reasons: dict[int, str] = {}
        for record in batch.records:
            try:
                event = format.normalize(record, batch.origin)
                records.append(format.redact(record, event))
                events.append(event)
            except Unreadable as error:
                reasons[len(records)] = str(error)
                records.append(self._safe(record))
        dead = [(self._safe(record), reason) for record, reason in batch.dead]
        kept = Batch(batch.origin, records, batch.key, batch.position, batch.received, dead)
        entries = self.journal.append(kept, reasons)
        self.counters.read(batch.origin.source, len(events), len(entries) - len(events), len(entries))
        if entries:
            self._inspect(events, entries[-1])
            understood = iter(events)
            self._index.put(
                [(each, self.store.normalize(each) if each.reason else next(understood)) for each in entries]
            )

    def _safe(self, record: Record) -> Record:
        raw = self.redact_unread(record.raw)
        return record if raw == record.raw else Record(raw, record.offset, record.hash())

    def _inspect(self, events: list[Event], last: Entry) -> None:
        matches: list[Match] = []
        for inspector in self.inspectors:
            try:
                matches += inspector.inspect(events)
            except Exception:  # a broken detector must not stop the rest
                log.exception("inspector failed", extra={"inspector": type(inspector).__name__})
                self.counters.add("inspector_failures")
        fresh = self.book.record(matches, time.time(), (last.partition, last.pointer))
        if fresh:
            self.counters.add("alerts", len(fresh))
            for deliverer in self.deliverers:
                deliverer.wake()

    def _work(self, readers: Iterable[threading.Thread], stop: threading.Event) -> None:
        readers = list(readers)
        while not self._broken:
            try:
                self.take(self._inbox.get(timeout=0.1))
            except queue.Empty:
                if not any(thread.is_alive() for thread in readers) and self._inbox.empty():
                    return

    def _read(self, name: str, source: Source, stop: threading.Event) -> None:
        try:
            for batch in source.read(self.journal.positions, stop):
                while not stop.is_set() or not self._broken:
                    try:
                        self._inbox.put(batch, timeout=0.2)
                        break
                    except queue.Full:
                        continue  # the source waits in its yield: that is the back-pressure
        except Exception:  # one source that dies must not stop the others
            log.exception("source failed", extra={"source": name})
            self.counters.add("source_failures")

    def _keep(self, stop: threading.Event) -> None:
        due = time.monotonic() + COMMIT_PAUSE
        ended = False
        while not ended:
            try:
                pairs = self._index.get(timeout=max(0.0, due - time.monotonic()))
                if pairs is None:
                    ended = True
                else:
                    self.store.add(pairs)
            except queue.Empty:
                pass  # nothing came: time to commit
            except (StoreError, OSError, ValueError) as error:
                self._fail(error, stop)
                return
            if ended or time.monotonic() >= due:
                self.store.commit()
                due = time.monotonic() + COMMIT_PAUSE

    def _sync(self, ended: threading.Event, stop: threading.Event) -> None:
        second = time.monotonic() + 1
        while not ended.wait(SYNC_PAUSE):
            try:
                self.journal.sync()
                if time.monotonic() >= second:
                    self.on_second()
                    second = time.monotonic() + 1
            except (StoreError, OSError) as error:
                self._fail(error, stop)
                return

    def _fail(self, error: BaseException, stop: threading.Event) -> None:
        log.error("store failed", extra={"reason": str(error)})
        self._broken.append(error)
        stop.set()


def _thread(name: str, run: Callable[..., None], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=run, args=args, name=name, daemon=True)
    thread.start()
    return thread
