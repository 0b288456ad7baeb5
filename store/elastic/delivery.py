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
# seconds between two attempts; doubled after each, and never quite regular
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
GOOD_FOR = 60.0  # seconds after which is asked again who answers: an address can be moved without one failure
NEVER = float("-inf")


class Stopped(Exception):
    """Told to stop before all was written."""


class Elsewhere(Exception):
    """Another cluster answers than the one that was written to."""

    def __init__(self, cluster: str) -> None:
        super().__init__(cluster)
        self.cluster = cluster  # its UUID


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
    def cluster(self) -> str: ...


class Trouble(NamedTuple):
    """Why nothing can be written just now, and since when. One value: what another thread reads belongs together."""

    reason: str = ""
    since: float = 0.0  # seconds since the epoch; 0: there is none


@dataclass(slots=True)
class Delivery:
    """Delivers batches to one cluster, from any number of threads. `count` is told of numbers by name."""

    requests: Requests
    stop: threading.Event
    count: Callable[[str, float], None] = lambda name, amount: None
    prepare: Callable[[], object] = lambda: None  # once, before anything is written
    cluster: str = ""  # UUID; `use` chooses another
    first_pause: float = FIRST_PAUSE
    longest_pause: float = LONGEST_PAUSE
    good_for: float = GOOD_FOR
    _asked: float = NEVER  # when that cluster was last known to answer
    _prepared: bool = False
    _refreshed: bool = False
    _troubles: dict[int, Trouble] = field(
        default_factory=dict
    )  # of each thread that has one, the oldest first
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    @property
    def trouble(self) -> Trouble:
        """What lasts longest of all that hinders it."""
        with self._mutex:
            return next(iter(self._troubles.values()), Trouble())

    def use(self, cluster: str) -> None:
        """Deliver to this cluster from now on."""
        self.cluster, self._prepared, self._asked = cluster, False, NEVER

    def deliver(self, documents: Sequence[Document], *, doubtful: bool = False) -> list[Refused]:
        """Returns when all is written, but for what is refused for good; of nothing, when the cluster is ready.

        Raises Stopped, and Elsewhere before anything is written to another cluster.

        `doubtful`: some may have been written before, by an earlier run. Their ids are looked for first, since an
        index that began in between would take them once more. So are those of events from before that index, which
        another machine may have written.
        """
        refused: list[Refused] = []
        waiting, pause = list(documents), self.first_pause
        ready = False
        unseen = not self._refreshed  # what was written just now is not found without
        while waiting or not ready:
            before = len(waiting)
            try:
                self._get_ready()
                ready = True
                waiting = self._unwritten(waiting, doubtful, unseen)
                doubtful = False
                waiting = self._attempt(waiting, refused)
            except Elsewhere:
                self._end()
                raise
            except TooLarge as error:
                self._end()  # it does answer
                return refused + self._halves(waiting, error)
            except StoreError as error:
                doubtful = unseen = True
                ready, self._asked = False, NEVER  # whoever answers next may be another
                self._begin(str(error))
            if waiting or not ready:
                self.count("feed_retries", 1)
                pause = self.first_pause if len(waiting) < before else pause
                if self.stop.wait(pause * random.uniform(0.5, 1.0)):
                    raise Stopped
                pause = min(2 * pause, self.longest_pause)
        self._end()
        return refused

    def _get_ready(self) -> None:
        """Raises Elsewhere, StoreError."""
        if time.monotonic() - self._asked >= self.good_for:
            found = self.requests.cluster()
            if found != self.cluster:
                raise Elsewhere(found)
            self._asked = time.monotonic()
        if not self._prepared:
            self.prepare()
            self._prepared = True

    def _unwritten(self, documents: list[Document], doubtful: bool, unseen: bool) -> list[Document]:
        """Those of the documents that the cluster may not have."""
        looked_for = documents if doubtful or not documents else self.requests.older(documents)
        if not looked_for:
            return documents
        if unseen and doubtful:
            self.requests.refresh({document.stream for document in looked_for})
            self._refreshed = True
        there = self.requests.known(looked_for)
        self.count("feed_known", len(there))
        return [document for document in documents if document.id not in there]

    def _attempt(self, documents: Sequence[Document], refused: list[Refused]) -> list[Document]:
        """One request; what of these is to be sent again."""
        if not documents:
            return []
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

    def _begin(self, reason: str) -> None:
        with self._mutex:
            first, own = not self._troubles, threading.get_ident()
            since = self._troubles[own].since if own in self._troubles else time.time()
            self._troubles[own] = Trouble(reason, since)
        if first:
            log.warning("the cluster takes nothing just now; the journal keeps it", extra={"reason": reason})

    def _end(self) -> None:
        """This thread's trouble is over; that of others lasts until they say so."""
        with self._mutex:
            own = self._troubles.pop(threading.get_ident(), None)
            last = not self._troubles
        if own and last:
            log.warning("the cluster takes events again", extra={"seconds": round(time.time() - own.since)})

    def _halves(self, documents: Sequence[Document], error: TooLarge) -> list[Refused]:
        if len(documents) == 1:
            return [Refused(documents[0], str(error), too_large=True)]
        middle = len(documents) // 2
        return self.deliver(documents[:middle]) + self.deliver(documents[middle:])
