"""Wake up when something changes in a folder; where the system can't tell, look every so often."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

log = logging.getLogger(__name__)

SHARE = 0.1  # of the time at most goes into looking
PAUSE = 0.005  # seconds between two turns at least: what is written meanwhile is read at once
BUSY = 100  # events a second; with more, being told of each costs more than looking
BUSY_PAUSE = 0.01  # seconds between two looks at a busy log
QUIET = 2.0  # seconds without a byte after which a log is no longer busy
UNTOLD = 0.2  # seconds between two looks where nothing tells of changes
MOST_TOUCHED = 1000  # folders remembered as changed
MOST_WATCHES = 8  # folders; when there are more, the folder above them all is watched
SHALLOWEST = 3  # parts of its path at least: watching all of / would cost more than it tells
_KINDS: list[type[FileSystemEvent]] = [
    FileModifiedEvent, FileCreatedEvent, FileMovedEvent, FileDeletedEvent, DirCreatedEvent, DirMovedEvent,
]  # fmt: skip


class Waker(FileSystemEventHandler):
    """Sleeps until a file in the watched folders changes. `changed` tells that files came, went or were moved."""

    def __init__(self) -> None:
        self.changed = False
        self._touched: deque[str] = deque(maxlen=MOST_TOUCHED)  # folders
        self._woken = threading.Event()
        self._observer: BaseObserver | None = None
        self._watches: dict[tuple[str, bool], ObservedWatch] = {}
        self._folders: frozenset[str] = frozenset()
        self._told = True  # whether the system tells of changes
        self._events = 0
        self._second = time.monotonic()
        self._last_turn = 0.0
        self.busy = False  # too much happens: it is not watched

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._events += 1
        self._touched.append(os.path.dirname(os.fsdecode(event.src_path)))
        if event.event_type != "modified":
            self.changed = True
        self._woken.set()

    def watch(self, folders: Iterable[str]) -> None:
        """Be told of changes in these folders, and no longer of others."""
        wanted = frozenset(folders)
        if wanted != self._folders:
            self._folders = wanted
            if not self.busy:
                self._schedule()

    def wait(self, timeout: float, stop: threading.Event, quiet: float, cost: float) -> set[str] | None:
        """Sleep until something changes, at most `timeout` seconds: the folders in which it did; None for any.

        Nothing has come for `quiet` seconds, and it took `cost` seconds to see that.
        """
        pause = max(PAUSE, cost / SHARE)
        stop.wait(max(0.0, self._last_turn + pause - time.monotonic()))
        self._rate(quiet)
        if self.busy:
            stop.wait(min(timeout, max(BUSY_PAUSE - pause, 0.0)))
            touched: set[str] | None = set()
        else:
            touched = self._sleep(timeout, stop)
        self._last_turn = time.monotonic()
        return touched

    def _sleep(self, timeout: float, stop: threading.Event) -> set[str] | None:
        end = time.monotonic() + (timeout if self._told else min(timeout, UNTOLD))
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            if self._woken.wait(min(left, 0.1)):
                self._woken.clear()
                folders = {self._touched.popleft() for _ in range(len(self._touched))}
                return folders if len(folders) < MOST_TOUCHED else None
        return None

    def close(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join()

    def _rate(self, quiet: float) -> None:
        """Watch while little happens, look instead while much does."""
        now = time.monotonic()
        if self.busy:
            if quiet > QUIET:
                self.busy = False
                self._schedule()
        elif now - self._second >= 1.0:
            if self._events > BUSY * (now - self._second) and quiet < QUIET:
                self.busy = True
                self._unschedule()
            self._second, self._events = now, 0

    def _schedule(self) -> None:
        wanted = _roots(self._folders)
        for root in [root for root in self._watches if root not in wanted]:
            self._drop(root)
        for root in wanted:
            if root not in self._watches:
                self._add(root)
        self._told = len(self._watches) == len(wanted) > 0

    def _add(self, root: tuple[str, bool]) -> None:
        try:
            if self._observer is None:
                self._observer = Observer()
                self._observer.start()
            path, recursive = root
            self._watches[root] = self._observer.schedule(
                self, path, recursive=recursive, event_filter=_KINDS
            )
        except OSError as error:  # gone since, or the system's limit of watches
            log.warning("folder not watched", extra={"path": root[0], "reason": str(error)})

    def _drop(self, root: tuple[str, bool]) -> None:
        assert self._observer is not None
        watch = self._watches.pop(root)
        try:
            self._observer.unschedule(watch)
        except (KeyError, OSError) as error:  # its folder is gone
            log.debug("watch gone", extra={"path": root[0], "reason": str(error)})

    def _unschedule(self) -> None:
        for root in list(self._watches):
            self._drop(root)


def _roots(folders: frozenset[str]) -> list[tuple[str, bool]]:
    """What to watch: each folder, or all below the one above them; and whether with what is below."""
    real = sorted({os.path.realpath(folder) for folder in folders})
    if len(real) <= MOST_WATCHES:
        return [(folder, False) for folder in real]
    above = os.path.commonpath(real)
    if len(above.strip("/").split("/")) < SHALLOWEST - 1 or above == "/":
        return []
    return [(above, True)]
