"""Run each source in a thread of its own, and begin again with one that fails."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from event_model.parts import Batch, Source
from tallyman.counters import Counters

log = logging.getLogger(__name__)

INBOX = 64  # batches; a full inbox is what makes sources wait
FIRST_PAUSE = 1.0  # seconds before a source that failed begins again; doubled after each further failure
LONGEST_PAUSE = 60.0
LOOK = 0.1  # seconds between two looks whether there is anything left to wait for


@dataclass(slots=True)
class Intake:
    """The sources and what they have read; a failing one begins again, where the journal says, unless `once`."""

    sources: dict[str, Source]
    positions: Callable[[], dict[str, Any]]
    counters: Counters
    once: bool = False
    error: Exception | None = field(default=None, init=False)  # why a source failed, with `once`
    _inbox: queue.Queue[tuple[str, Batch]] = field(default_factory=lambda: queue.Queue(INBOX), init=False)
    _taken: dict[str, Batch] = field(default_factory=dict, init=False)  # the last of each source
    _threads: list[threading.Thread] = field(default_factory=list, init=False)
    _closed: threading.Event = field(default_factory=threading.Event, init=False)

    def begin(self, stop: threading.Event) -> None:
        """Read until `stop` is set."""
        for name, source in self.sources.items():
            thread = threading.Thread(
                target=self._read, args=(name, source, stop), name=f"read {name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def batches(self) -> Iterator[Batch]:
        """What was read, until all sources have ended; one counts as taken when the next is asked for."""
        while True:
            alive = any(
                thread.is_alive() for thread in self._threads
            )  # asked first: what they put last is seen
            try:
                name, batch = self._inbox.get(timeout=LOOK) if alive else self._inbox.get_nowait()
            except queue.Empty:
                if alive:
                    continue
                return
            yield batch
            self._taken[name] = batch

    def close(self) -> None:
        """Nothing will be taken any more: let go of sources that wait for it."""
        self._closed.set()

    def _read(self, name: str, source: Source, stop: threading.Event) -> None:
        pause = FIRST_PAUSE
        while not stop.is_set():
            last: Batch | None = None
            try:
                for batch in source.read(self.positions(), stop):
                    if not self._put(name, batch):
                        return
                    last, pause = batch, FIRST_PAUSE
                return
            except Exception as error:  # one source that fails must not stop the others
                if self.once:
                    self.error = error
                    stop.set()
                    return
                log.exception("source failed, and begins again", extra={"source": name, "seconds": pause})
                self.counters.add(f'source_failures{{source="{name}"}}')
            while last is not None and self._taken.get(name) is not last and not self._closed.wait(LOOK):
                pass  # before, it would read again what waits in the inbox
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _put(self, name: str, batch: Batch) -> bool:
        """Wait until there is room for it: that is the back-pressure. False when nothing is taken any more."""
        while not self._closed.is_set():
            try:
                self._inbox.put((name, batch), timeout=LOOK)
                return True
            except queue.Full:
                continue
        return False
