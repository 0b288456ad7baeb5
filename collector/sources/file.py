"""Read log files as they grow, through rotation and restarts, losing and repeating nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from collector.following import Follower
from collector.lines import MAX_LINE
from collector.tailing import Reading
from collector.waking import SHARE, Waker
from event_model.parts import Batch

BUSY_SWEEP = 0.2  # seconds between two looks at every log while some are busy
IDLE_SHARE = 0.02  # of the time at most goes into searching for files of which nothing told


@dataclass
class Source:
    paths: list[str]  # files and globs; ** stands for folders below
    name: str = "file"
    format: str | None = None  # recognised from each file's first records unless named
    cluster: str = ""
    from_start: bool = True  # read also what is there at the first start
    rotated: bool = True  # and what rotation left beside the files: x.log.1, x.log-20261123.gz
    max_line: int = MAX_LINE  # bytes; longer lines become dead letters
    poll: float = 1.0  # seconds after which to look again even if nothing told of a change

    def __post_init__(self) -> None:
        self.follower: Follower | None = None  # while it reads: knows the files, and what is wrong with them

    def read(self, positions: dict[str, Any], stop: threading.Event) -> Iterator[Batch]:
        """Yield what is new in the files, until told to stop."""
        reading = Reading(self.name, self.format, self.cluster, socket.gethostname(), self.max_line)
        follower = self.follower = Follower(
            self.paths, reading, positions, rotated=self.rotated, from_start=self.from_start
        )
        waker = Waker()
        try:
            yield from self._follow(follower, waker, stop)
        finally:
            waker.close()
            follower.close()

    def _follow(self, follower: Follower, waker: Waker, stop: threading.Event) -> Iterator[Batch]:
        looked, cost = float("-inf"), 0.0  # when files were searched for, and how long that took
        swept, active = 0.0, time.monotonic()  # when all logs were looked at, and when something came
        folders: set[str] | None = None  # in which something has changed; None: anywhere
        while not stop.is_set():
            start = time.monotonic()
            if start >= looked + self._interval(waker.changed or follower.stale, cost):
                waker.changed = False
                for batch in follower.look():
                    yield batch
                    if stop.is_set():
                        return
                waker.watch(follower.folders)
                looked, cost, folders = time.monotonic(), time.monotonic() - start, None
            start = time.monotonic()
            if start >= swept + (BUSY_SWEEP if waker.busy or follower.busy else self.poll):
                folders = None
            if folders is None:
                swept = start
            for batch in follower.turn(folders):
                yield batch
                active = time.monotonic()
                if stop.is_set():
                    return
            if follower.busy:
                folders = set()
                continue
            now = time.monotonic()
            due = looked + self._interval(waker.changed or follower.stale, cost)
            timeout = min(max(0.0, due - now), self.poll)
            folders = waker.wait(timeout, stop, now - active, min(now - start, now - active))

    def _interval(self, changed: bool, cost: float) -> float:
        """Seconds between two searches for files, of which one took `cost`."""
        return cost / SHARE if changed else max(self.poll, cost / IDLE_SHARE)
