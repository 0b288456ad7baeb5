"""Feed the cluster from the journal: what is still in memory directly, what fell behind from the disk.

    put ─► memory ─┐
                   ├─► documents ─► a few batches on their way ─► the place moves, in order
    journal ───────┘   behind the place where memory was full

The place is that of the last record which the cluster has taken. It is kept on this machine, for each cluster,
and moves when a batch is through: created, known already, or refused for good and then a dead letter. After a
crash what lies behind it is looked for in the cluster before it is written. Where another cluster answers than
before, the feed goes on at the place of that one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from datetime import UTC, datetime

from msgspec.structs import replace

from event_model.errors import StoreError
from event_model.event import Event
from store.elastic.apart import apart
from store.elastic.burial import Burial
from store.elastic.delivery import Delivery, Elsewhere, Refused, Requests, Stopped, Trouble
from store.elastic.document import Document, Documents
from store.elastic.parcel import Parcel
from store.feeding import BEGINNING, Feeding, Place, Taken
from store.journal import Entry, Journal

log = logging.getLogger(__name__)
MEMORY = 64  # batches of the sources that wait in memory; more are read from the journal
MOST_DOCUMENT = 20 << 20  # bytes; a server has a bound as well, of a tenth of its memory or less
IN_FLIGHT = 2  # requests at a time
ENDING = 10.0  # seconds to write what is left when the run ends; the next one goes on with the rest
PARTING = 1.0  # seconds for who was interrupted to come to an end
LOOK = 0.1
NEVER = float("inf")

Pairs = list[tuple[Entry, Event]]


class Feed:
    """The thread that feeds (`run`), and the memory in front of it (`put`); `taken` is moved as the cluster takes.

    `prepare` is called before anything is written, until it does not raise StoreError. `most_behind`: bytes of
    the journal that the cluster may be behind before `put` waits; None for no bound.
    """

    def __init__(
        self,
        journal: Journal,
        normalize: Callable[[Entry], Event],
        documents: Documents,
        requests: Requests,
        state: Feeding,
        taken: Taken,
        *,
        prepare: Callable[[], object] = lambda: None,
        count: Callable[[str, float], None] = lambda name, amount: None,
        most_behind: int | None = None,
        first_pause: float = 0.5,
    ) -> None:
        self.error: Exception | None = None  # why it gave up
        self._journal, self._normalize, self._documents, self._state = journal, normalize, documents, state
        self._cluster, self._count, self._most_behind = taken, count, most_behind
        self._halt = threading.Event()
        self._delivery = Delivery(requests, self._halt, count, prepare, taken.cluster, first_pause)
        self._burial = Burial(documents, normalize, self._delivery, state, count)
        self._wake = threading.Condition()
        self._memory: deque[Pairs] = deque()
        self._missed = True  # what comes behind the memory, or behind `_read`, stands in the journal only
        self._last: Place = BEGINNING  # of what was put
        self._read: Place = BEGINNING  # of what was taken from memory or journal
        self._taken: Place = BEGINNING
        self._doubtful: Place = BEGINNING  # up to there it may have been written before
        self._behind = 0  # records that the cluster has not taken
        self._received = 0.0  # of the last record taken, or the first that was not
        self._flying: deque[tuple[Future[None], Entry, int]] = deque()
        self._ended = self._given_up = False
        self._stop = threading.Event()
        self._deadline: float | None = None  # when the run has ended: how long to go on writing
        self._told = Trouble()

    def catch_up(self) -> None:
        """Find the place where an earlier run stopped. What is behind it is fed once this one runs."""
        self._doubtful = self._journal.end
        self._cluster.ask()
        self._begin()

    def _begin(self) -> None:
        """Go on at the cluster's place, with whatever is in the journal behind it."""
        with self._wake:
            self._doubtful = max(self._doubtful, self._last)
            place = self._cluster.place()
            if place > self._doubtful:  # a power failure took what the cluster has; it will be read again
                place = self._doubtful
                self._cluster.move(place)
            self._flying.clear()
            self._memory.clear()
            self._read = self._taken = place
            self._behind, self._received = self._journal.behind(place, self._doubtful)
            self._missed = self._behind > 0

    def put(self, pairs: Pairs | None) -> None:
        """Have these fed, None: have it ended. Waits while the cluster is too far behind. Raises what ended it."""
        with self._wake:
            if pairs is None:
                self._ended = True
            else:
                self._last = _place(pairs[-1][0])
                if self._behind <= 0:
                    self._received = pairs[0][0].received
                self._behind += len(pairs)
                self._missed = self._missed or len(self._memory) >= MEMORY
                if not self._missed:
                    self._memory.append(pairs)
            self._wake.notify()
        if pairs is not None:
            if self._most_behind is not None and self.lag_bytes() > self._most_behind:
                self._hold_back(self._most_behind)
            if self.error:
                raise self.error

    def drain(self) -> None:
        """Feed what stands in the journal now, and return when the cluster has it, however long it takes.

        An interrupt ends it at once.
        """
        self._ended, self._deadline = True, NEVER
        working = apart(self._run)  # an interrupt must not meet it with a lock in its hand
        try:
            wait([working])
            working.result()
        finally:
            self._halt.set()
            wait([working], PARTING)

    def run(self, stop: threading.Event) -> None:
        """Feed what is put until the end is put. Sets `stop` if it can't go on at all."""
        self._stop = stop
        try:
            self._run()
        except Stopped:
            if self._behind > 0:
                log.warning("the cluster gets the rest at the next start", extra={"records": self._behind})
        except Exception as error:  # whatever it is, the run must not go on without its store
            log.exception("feeding failed", extra={"reason": str(error)})
            self.error = error
            stop.set()
        finally:
            self._given_up = True
            self._halt.set()

    def tell(self) -> dict[str, float]:
        """How far the cluster is behind, for counters; and note for other processes what hinders it."""
        trouble = self._delivery.trouble
        if trouble != self._told:
            self._state.remark(*trouble)
            self._told = trouble
        behind = max(0, self._behind)
        return {
            "feed_lag_records": behind,
            "feed_lag_bytes": self.lag_bytes(),
            "feed_lag_seconds": max(0.0, time.time() - self._received) if behind else 0.0,
            "feed_away_seconds": max(0.0, time.time() - trouble.since) if trouble.since else 0.0,
        }

    def lag_bytes(self) -> int:
        """Of the journal, that the cluster has not taken."""
        return self._journal.bytes_behind(self._taken) if self._behind > 0 else 0

    def _hold_back(self, most: int) -> None:
        log.warning("nothing is read until the cluster has caught up", extra={"bytes": self.lag_bytes()})
        self._count("feed_waits", 1)
        while not self._given_up and not self._stop.wait(LOOK):
            if self.lag_bytes() <= most:
                log.warning("reading goes on")
                return

    def _run(self) -> None:
        while True:
            try:
                self._wait(apart(self._deliver, [], False))  # who is there, even if there is nothing to write
                self._note(self._delivery.cluster)
                return self._feed()
            except Elsewhere as answer:
                self._turn_to(answer.cluster)

    def _turn_to(self, cluster: str) -> None:
        """It is this one that answers: go on at its place. It may have any of what is behind that."""
        self._note(cluster)
        self._delivery.use(cluster)
        self._begin()

    def _note(self, cluster: str) -> None:
        try:
            self._cluster.answered(cluster)
        except StoreError as error:  # a full disk: the next run asks again
            log.error("the cluster can't be written down", extra={"reason": str(error)})

    def _feed(self) -> None:
        parcel = Parcel()
        blocks = self._blocks()
        while True:
            pairs = self._next(blocks)
            for entry, event in pairs:
                parcel.add(self._document(entry, event), _place(entry) <= self._doubtful)
                if parcel.is_full:
                    self._send(parcel)
                    parcel = Parcel()
            if parcel.is_due or (self._ended and not pairs and parcel.documents):
                self._send(parcel)
                parcel = Parcel()
            self._settle()
            if self._ended:
                if not pairs and not self._missed and not self._memory:
                    if not self._flying:
                        return
                    self._land()
                self._hurry()

    def _next(self, blocks: Iterator[Pairs]) -> Pairs:
        """What comes next, from memory or the journal; nothing where nothing has come for a moment."""
        with self._wake:
            if not self._memory and not self._missed and not self._ended:
                self._wake.wait(LOOK)
            found = self._memory.popleft() if self._memory else []
        if found:
            if _place(found[0][0]) <= self._read:  # it was read from the journal meanwhile
                found = [pair for pair in found if _place(pair[0]) > self._read]
        elif self._missed:
            found = next(blocks)
        if found:
            self._read = _place(found[-1][0])
        return found

    def _blocks(self) -> Iterator[Pairs]:
        """What stands in the journal behind `_read`, block by block; nothing, and again, where nothing more does."""
        while True:
            for partition in self._journal.partitions():
                if partition < self._read[0]:
                    continue
                start = self._read[1] if partition == self._read[0] else -1
                for entries in self._journal.entries(partition, start):
                    yield [(entry, self._normalize(entry)) for entry in entries]
            with self._wake:
                self._missed = self._last > self._read
            yield []

    def _document(self, entry: Entry, event: Event) -> Document:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            return self._documents.make(entry, event, now)
        except Exception as error:  # one event that stumbles must not hold up the rest
            log.exception("no document could be made", extra={"place": _place(entry)})
            self._count("feed_refused", 1)
            letter = replace(
                entry, reason=f"no document could be made of it: {type(error).__name__}: {error}"
            )
            return self._documents.make(letter, self._normalize(letter), now)

    def _send(self, parcel: Parcel) -> None:
        """Have it delivered, as soon as another is through."""
        while len(self._flying) >= IN_FLIGHT:
            self._land()
        documents = parcel.documents
        future = apart(self._deliver, documents, parcel.doubtful)
        self._flying.append((future, documents[-1].entry, len(documents)))

    def _deliver(self, documents: list[Document], doubtful: bool) -> None:
        refused = [Refused(each, _size(each), True) for each in documents if len(each.source) > MOST_DOCUMENT]
        fitting = [each for each in documents if len(each.source) <= MOST_DOCUMENT] if refused else documents
        refused += self._delivery.deliver(fitting, doubtful=doubtful)
        self._burial.bury(refused)

    def _settle(self) -> None:
        while self._flying and self._flying[0][0].done():
            self._land()

    def _hurry(self) -> None:
        """Raises Stopped once it makes no sense to go on: the next run does."""
        if self._halt.is_set():
            raise Stopped
        if self._deadline == NEVER:
            return
        if self._deadline is None:
            self._deadline = time.monotonic() + ENDING
        if time.monotonic() > self._deadline or self._delivery.trouble.since:
            raise Stopped

    def _wait(self, future: Future[None]) -> None:
        """Raises what it raises, and Stopped."""
        while not wait([future], LOOK).done:
            if self._ended:
                self._hurry()
        future.result()

    def _land(self) -> None:
        """Wait for the oldest batch, and move the place."""
        future, last, number = self._flying[0]
        self._wait(future)
        self._flying.popleft()
        self._taken, self._received = _place(last), last.received
        try:
            self._cluster.move(self._taken)
        except StoreError as error:  # a full disk: it moves with the next batch
            log.error("the place can't be written down", extra={"reason": str(error)})
        with self._wake:  # only now: who is told that nothing is behind may look where it stands
            self._behind -= number


def _size(document: Document) -> str:
    return f"a document of {len(document.source) / 1e6:.0f} MB"


def _place(entry: Entry) -> Place:
    return entry.partition, entry.pointer
