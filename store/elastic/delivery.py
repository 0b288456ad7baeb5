"""Write documents until the cluster has every one of them, or has said why it never will."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from event_model.errors import StoreError
from store.elastic.bulk import Fate, TooLarge, Verdict
from store.elastic.document import Document

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = (
    0.5,
    30.0,
)  # seconds between two attempts; doubled after each, and never quite regular


class Stopped(Exception):
    """Told to stop before all was written."""


class Refused(NamedTuple):
    document: Document
    reason: str
    too_large: bool = False


class Requests(Protocol):
    """What store.elastic.bulk.Bulk is."""

    def send(self, documents: Sequence[Document]) -> list[Verdict]: ...
    def known(self, documents: Sequence[Document]) -> set[str]: ...
    def older(self, documents: Sequence[Document]) -> list[Document]: ...
    def refresh(self, streams: set[str]) -> None: ...


class Trouble(NamedTuple):
    """Why nothing can be written just now, and since when. One value: what another thread reads belongs together."""

    reason: str = ""
    since: float = 0.0  # seconds since the epoch; 0: there is none


@dataclass(slots=True)
class Delivery:
    """Delivers batches, from any number of threads. `count` is told of numbers by name."""

    requests: Requests
    stop: threading.Event
    count: Callable[[str, float], None] = lambda name, amount: None
    prepare: Callable[[], object] = lambda: None  # once, before anything is written
    trouble: Trouble = field(default_factory=Trouble)
    first_pause: float = FIRST_PAUSE
    longest_pause: float = LONGEST_PAUSE
    _prepared: bool = False
    _refreshed: bool = False

    def deliver(self, documents: Sequence[Document], *, doubtful: bool = False) -> list[Refused]:
        """Returns when all is written, but for what is refused for good. Raises Stopped.

        `doubtful`: some may have been written before, by an earlier run. Their ids are looked for first, since an
        index that began in between would take them once more. So are those of events from before that index, which
        another machine may have written.
        """
        refused: list[Refused] = []
        waiting, pause = list(documents), self.first_pause
        unseen = not self._refreshed  # what was written just now is not found without
        while waiting:
            before = len(waiting)
            try:
                if not self._prepared:
                    self.prepare()
                    self._prepared = True
                looked_for = waiting if doubtful else self.requests.older(waiting)
                if looked_for:
                    there = self._there(looked_for, doubtful and unseen)
                    waiting = [document for document in waiting if document.id not in there]
                doubtful = False
                if waiting:
                    waiting = self._attempt(waiting, refused)
            except TooLarge as error:
                return refused + self._halves(waiting, error)
            except StoreError as error:
                doubtful = unseen = True
                self._begin(str(error))
            if waiting:
                self.count("feed_retries", 1)
                pause = self.first_pause if len(waiting) < before else pause
                if self.stop.wait(pause * random.uniform(0.5, 1.0)):
                    raise Stopped
                pause = min(2 * pause, self.longest_pause)
        self._end()
        return refused

    def _attempt(self, documents: Sequence[Document], refused: list[Refused]) -> list[Document]:
        """One request; what of these is to be sent again."""
        again, why = [], ""
        taken = known = 0
        for document, (fate, reason) in zip(documents, self.requests.send(documents), strict=True):
            if fate is Fate.TAKEN:
                taken += 1
            elif fate is Fate.KNOWN:
                known += 1
            elif fate is Fate.REFUSED:
                refused.append(Refused(document, reason))
            else:
                again.append(document)
                why = reason
        self.count("feed_taken", taken)
        self.count("feed_known", known)
        if again:
            self._begin(why)
        return again

    def _there(self, documents: Sequence[Document], unseen: bool) -> set[str]:
        if unseen:
            self.requests.refresh({document.stream for document in documents})
            self._refreshed = True
        there = self.requests.known(documents)
        self.count("feed_known", len(there))
        return there

    def _begin(self, reason: str) -> None:
        since = self.trouble.since
        if not since:
            log.warning("the cluster takes nothing just now; the journal keeps it", extra={"reason": reason})
        self.trouble = Trouble(reason, since or time.time())

    def _end(self) -> None:
        since = self.trouble.since
        if since:
            log.warning("the cluster takes events again", extra={"seconds": round(time.time() - since)})
            self.trouble = Trouble()

    def _halves(self, documents: Sequence[Document], error: TooLarge) -> list[Refused]:
        if len(documents) == 1:
            return [Refused(documents[0], str(error), too_large=True)]
        middle = len(documents) // 2
        return self.deliver(documents[:middle]) + self.deliver(documents[middle:])
