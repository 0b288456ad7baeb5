"""Put the alerts that this process finds into the cluster, and take over what people decide about them there.

    found here ─► state file ─► outbox ─► sinks          never waits for the cluster
                      │  ▲
       new, changed   ▼  │ decisions
                    cluster ◄─► `tallyman alerts`, API, page     on any number of machines

What the detectors remember is shared beside them. While the cluster is away, alerts wait in the state file; afterwards they follow in order.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from event_model.errors import StoreError
from store.database import Database
from store.outbox import pause
from tallyman.config import Config
from tallyman.counters import Counters
from tallyman.sharing import Sharing

if TYPE_CHECKING:
    from store.elastic.state import ClusterState, Mark
    from store.elastic.state.changes import Changes

log = logging.getLogger(__name__)
LOOK = 1.0  # seconds between two looks at what has changed here and there
LONGEST_PAUSE = 30.0  # seconds between two attempts while the cluster is away
COUNT_EVERY = 5.0  # seconds between two reports of the counters
TIDY_EVERY = 3600.0  # seconds between two looks at what is old


@dataclass(slots=True)
class Publisher:
    """The alerts of one state file, on their way to the cluster; `run` in a thread of its own, `wake` from anywhere."""

    database: Database
    state: ClusterState
    prepare: Callable[[], object]  # has the cluster ready to be written; raises StoreError
    age: timedelta | None  # alerts and acts are kept at least so long in the cluster
    counters: Counters = field(default_factory=Counters)
    name: str = "cluster"
    _sharing: Sharing = field(init=False)
    _prepared: bool = field(default=False, init=False)
    _collector: str = field(default="", init=False)  # names the state file in the cluster
    _mark: Mark | None = field(default=None, init=False)  # how far it has come; None: not known yet
    _published: int | None = field(
        default=None, init=False
    )  # the last change that the cluster is known to have
    _decisions: Changes | None = field(default=None, init=False)
    _failed: int = field(default=0, init=False)  # times in a row
    _counted: float = field(default=float("-inf"), init=False)
    _tidied: float = field(default=float("-inf"), init=False)
    _wake: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        self._sharing = Sharing(self.database.memories, self.state.memories)

    def wake(self) -> None:
        """Something was found: look now, unless the cluster is away."""
        if not self._failed:
            self._wake.set()

    def run(self, ended: threading.Event) -> None:
        """Publish until `ended`, and then what is left once more."""
        while True:
            last = ended.is_set()
            if last and self._failed:
                return  # they stand in the state file
            self._wake.clear()
            wait = self.attempt(last=last)
            if last:
                return
            if self._failed:
                ended.wait(wait)
            else:
                self._wake.wait(wait)

    def attempt(self, *, last: bool = False) -> float:
        """Everything that is to be done now, or is left in the end; how many seconds to wait before the next time."""
        try:
            while self.publish():
                pass
            while self.adopt():
                pass
            self._report()
            self._sharing.share(self._collector, now=last)
            self._tidy()
        except StoreError as error:
            return self._failure(error)
        if self._failed:
            log.warning("the cluster takes alerts again")
        self._failed = 0
        self.counters.put("publish_away", 0)
        return LOOK

    def publish(self) -> bool:
        """Put what has changed here into the cluster, some of it; whether there was any. Raises StoreError."""
        mark = self._known()
        records, change = self.database.alerts.recorded_since(mark.published)
        if change == mark.published:
            self.counters.put("publish_waiting", 0)
            return False
        from store.elastic.state import Mark
        from store.elastic.state.publishing import publish

        done = publish(self.state.alerts.index, records)
        self.counters.add("published", done.created + done.updated)
        if done.shortened:
            self.counters.add("publish_shortened", done.shortened)
        if done.refused:
            self.counters.add("publish_refused", len(done.refused))
        self._save(Mark(change, mark.decided))
        self.counters.put("publish_waiting", self.database.alerts.ahead(change))
        return True

    def adopt(self) -> int:
        """Take over what was decided in the cluster since the last time; how many alerts were looked at.

        The state file then knows it as the cluster does: a closed alert takes no more matches, detectors learn.
        Raises StoreError.
        """
        from store.elastic.state import Mark
        from store.elastic.state.alert import kept

        mark = self._known()
        if self._decisions is None:
            self._decisions = self.state.alerts.decisions(mark.decided)
        decided = self._decisions.fresh()
        for hit in decided:
            self.database.alerts.adopt(hit.id, kept(hit.source).history)
        if decided:
            self._save(Mark(mark.published, self._decisions.at))
        return len(decided)

    def _known(self) -> Mark:
        """How far it has come, which stands where the alerts are. Raises StoreError."""
        from store.elastic.state import Mark

        if not self._prepared:
            self.prepare()
            self._prepared = True
        if self._mark is None:
            self._collector = self._collector or self.database.identity()
            there, (published, decided) = self.state.mark(self._collector), self.database.shared()
            # a state file that was put back, or whose last commits went when the power failed, has come less far
            # than the cluster says: what it finds from then on would pass for published
            self._mark = Mark(min(there.published, published), min(there.decided, decided))
            self._published = self._mark.published
        return self._mark

    def _save(self, mark: Mark) -> None:
        self.state.save_mark(self._collector, mark, time.time())
        self._mark, self._published = mark, mark.published
        try:
            self.database.note_shared(mark.published, mark.decided)
        except StoreError as error:  # a full disk: it is noted with the next batch
            log.error("how far alerts are published can't be written down", extra={"reason": str(error)})

    def _report(self) -> None:
        if time.monotonic() - self._counted >= COUNT_EVERY:
            self._counted = time.monotonic()
            numbers, sinks = self.database.counters.load(), self.database.sinks()
            self.state.counters.save(self._collector, numbers, sinks, time.time())

    def _tidy(self) -> None:
        """Roll over and prune once an hour, whoever does it first: for the second nothing is left to do."""
        if time.monotonic() - self._tidied < TIDY_EVERY:
            return
        self._tidied = time.monotonic()
        try:
            if self.state.roll():
                log.info("alerts go on in a new index")
            if (age := self.state.age(self.age)) is not None:
                self.state.prune(time.time() - age.total_seconds())
        except StoreError as error:  # alerts are taken all the same
            log.error("the cluster's state can't be pruned", extra={"reason": str(error)})

    def _failure(self, error: StoreError) -> float:
        self._failed += 1
        # whether the cluster was put back or emptied meanwhile is seen from what it says of us
        self._prepared, self._mark, self._decisions = False, None, None
        self.counters.add("publish_failures")
        self.counters.put("publish_away", 1)
        if self._published is not None:
            self.counters.put("publish_waiting", self.database.alerts.ahead(self._published))
        if self._failed == 1:
            log.error("alerts wait for the cluster", extra={"reason": str(error)})
        return min(pause(self._failed, random.random()), LONGEST_PAUSE)


def make_publisher(
    config: Config, database: Database, age: timedelta | None, counters: Counters
) -> Publisher:
    """What puts the alerts of this state file into the configured cluster. Raises ConfigError."""
    from store.elastic.readiness import ensure
    from tallyman.states import open_cluster

    state = open_cluster(config, patient=False)  # it tries again by itself, and must end soon

    def prepare() -> None:
        ensure(state.client, state.connection, state.names, age)

    return Publisher(database, state, prepare, age, counters)
