"""Make what stands in the journal searchable, within a second of it, and never far behind."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from event_model.errors import NoRoom, StoreError
from event_model.event import Event
from store.journal import Entry

log = logging.getLogger(__name__)

BEHIND = 64  # batches that the index may lag behind the journal before the middle waits for it
COMMIT_PAUSE = 0.8  # seconds between two commits: an event is searchable within a second
RETRY = 1.0  # seconds before what a full disk refused is tried again
LOOK = 0.2

Pairs = list[tuple[Entry, Event]]


@dataclass(slots=True)
class Indexer:
    """The index's own thread (`run`), and the queue in front of it (`put`).

    What the index loses stands in the journal: where the disk refuses, it is opened anew and catches up.
    """

    store: Any  # store.embedded.Embedded, writable
    error: Exception | None = field(default=None, init=False)  # why it gave up
    _queue: queue.Queue[Pairs | None] = field(default_factory=lambda: queue.Queue(BEHIND), init=False)
    _given_up: threading.Event = field(default_factory=threading.Event, init=False)

    def catch_up(self) -> None:
        """Index what an earlier run left. Raises NoRoom or another StoreError."""
        self.store.catch_up()

    def tell(self) -> dict[str, float]:
        """Numbers for the counters: none, for it is never far behind."""
        return {}

    def put(self, pairs: Pairs | None) -> None:
        """Have these indexed, None: have it ended; waits while the index is too far behind. Raises what ended it."""
        while not self._given_up.is_set():
            try:
                return self._queue.put(pairs, timeout=LOOK)
            except queue.Full:
                continue
        if pairs is not None and self.error:
            raise self.error

    def run(self, stop: threading.Event) -> None:
        """Add what is put and commit it, until the end is put. Sets `stop` if the index can't be written."""
        try:
            self._run(stop)
        except Exception as error:  # whatever it is, the run must not go on without its index
            log.exception("index failed", extra={"reason": str(error)})
            self.error = error
            stop.set()
        finally:
            self._given_up.set()

    def _run(self, stop: threading.Event) -> None:
        due, ended = time.monotonic() + COMMIT_PAUSE, False
        while not ended:
            pairs = self._next(due)
            ended = pairs is None
            if pairs:
                self._do(lambda pairs=pairs: self.store.add(pairs), stop)  # type: ignore[misc]
            if ended or time.monotonic() >= due:
                self._do(self.store.commit, stop)
                due = time.monotonic() + COMMIT_PAUSE

    def _next(self, due: float) -> Pairs | None:
        """What was put, or nothing at the time to commit; None at the end."""
        try:
            return self._queue.get(timeout=max(0.0, due - time.monotonic()))
        except queue.Empty:
            return []

    def _do(self, act: Callable[[], None], stop: threading.Event) -> None:
        try:
            act()
        except StoreError as error:
            log.error("index can't be written; it will catch up", extra={"reason": str(error)})
            self._recover(stop)

    def _recover(self, stop: threading.Event) -> None:
        """Returns when the index holds what the journal holds, or is to do so after the next start."""
        while True:
            try:
                self.store.recover()
                log.warning("index has caught up")
                return
            except NoRoom as error:
                if stop.is_set():
                    log.warning("index will catch up after the next start", extra={"reason": str(error)})
                    return
            stop.wait(RETRY)
