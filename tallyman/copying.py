"""Move a store to a cluster, or back to one machine: everything, as often as it was stopped, and seen to be the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from event_model.errors import StoreError
from event_model.event import identity
from store import retention
from store.database import Database
from store.feeding import BEGINNING, COPIED, Place
from store.fingerprint import Fingerprint, differences
from store.journal import Journal
from store.query.matcher import moment
from tallyman.config import Config
from tallyman.stores import taken
from tallyman.wiring import connection, make_normalizer

Progress = Callable[[int], None]  # that many more


class Copied(NamedTuple):
    """What a copy did."""

    events: int  # that were not there
    known: int  # that were there already
    refused: int  # that are dead letters in the cluster
    alerts: int
    until: Place = BEGINNING  # the last record of the journal that the cluster was given
    whole: bool = True  # whether all up to there was looked for, and not only what is new


class Compared(NamedTuple):
    """What journal and cluster were found to hold."""

    events: int  # in the journal
    unlike: list[tuple[str, int, int]]  # days on which they differ: how many the journal has, and the cluster
    lacking_there: dict[str, int]  # by day, what only the journal has
    lacking_here: dict[str, int]  # by day, what only the cluster has
    here: Fingerprint  # of the journal


class Target(NamedTuple):
    """The cluster of a configuration, whatever its `store.type` is."""

    client: Any
    connection: Any  # store.elastic.client.Connection
    names: Any  # store.elastic.names.Names
    state: Any  # store.elastic.state.ClusterState

    @property
    def searcher(self) -> Any:
        from store.elastic.searcher import Searcher

        return Searcher(self.client, self.connection, ",".join(self.names.streams))

    def refresh(self) -> None:
        """Have what was written up to now found: a moment ago is no reason to leave it behind. Raises StoreError."""
        from store.elastic.client import telling

        with telling(self.connection, "preparing to copy"):
            self.client.indices.refresh(index=",".join(self.names.streams), ignore_unavailable=True)


@contextmanager
def target(config: Config) -> Iterator[Target]:
    """Closed at the end. Raises ConfigError where the section store.elasticsearch does not name a cluster."""
    from store.elastic.client import connect
    from store.elastic.names import checked
    from store.elastic.state import ClusterState

    way, names = connection(config), checked(config.store.elasticsearch.namespace)
    with ExitStack() as opened:
        client = connect(way)
        opened.callback(client.close)
        state = ClusterState(connect(way), way, names)
        opened.callback(state.close)
        yield Target(client, way, names, state)


def to_cluster(config: Config, progress: Progress) -> Copied:
    """Copy the journal's events and the alerts to the cluster. A run may write the journal meanwhile.

    Raises StoreError, at once where the account may not write. An interrupt ends it at once.
    """
    from store.elastic.bulk import Bulk
    from store.elastic.check import permitted
    from store.elastic.client import connect
    from store.elastic.document import Documents
    from store.elastic.feed import Feed
    from store.elastic.mapping import events, properties
    from store.elastic.readiness import ensure

    numbers = {"feed_taken": 0, "feed_known": 0, "feed_refused": 0}
    counting = threading.Lock()

    def count(name: str, amount: float) -> None:
        with counting:
            numbers[name] = numbers.get(name, 0) + int(amount)
        if name in ("feed_taken", "feed_known", "feed_refused"):
            progress(int(amount))

    with target(config) as (client, way, names, state), database(config) as local:
        permitted(client, way, names, "run")
        ensure(client, way, names, retention.age(config.store.retention))
        journal, normalize = Journal(config.store.path), make_normalizer(config)
        documents, bulk = (
            Documents(properties(events())["properties"], names),
            Bulk(connect(way, retries=0), way),
        )
        copied = taken(config, local, COPIED)
        copied.answered(bulk.cluster())
        whole = copied.place() == BEGINNING
        feed = Feed(journal, normalize, documents, bulk, local.feeding, copied, count=count)
        feed.catch_up()
        feed.drain()
        alerts = state.alerts.take(local.alerts.records())
        state.mark_replayed(local.replayed(), time.time())
        return Copied(
            numbers["feed_taken"], numbers["feed_known"], numbers["feed_refused"], alerts, copied.place(), whole
        )  # fmt: skip


def trust(config: Config, copied: Copied) -> None:
    """Once this cluster is the store, a run goes on behind what was copied there. Raises StoreError."""
    with database(config) as local:
        fed = taken(config, local)
        fed.move(max(fed.place(), copied.until))


def doubt(config: Config) -> None:
    """The next copy looks for all of it in the cluster, and writes what is missing. Raises StoreError."""
    with database(config) as local:
        taken(config, local, COPIED).move(BEGINNING)


def from_cluster(config: Config, progress: Progress, late: Compared | None = None) -> Copied:
    """Copy the cluster's events and alerts into the journal and the state file here, and index them.

    That goes on by when events were received. `late`: look for each event of the days on which the journal was found
    to lack some instead.
    Raises StoreError, also while a run writes the journal.
    """
    from store.elastic.leaving import leave, leave_late
    from store.embedded import Embedded

    with (
        target(config) as there,
        Journal(config.store.path, writable=True) as journal,
        database(config) as local,
    ):
        there.refresh()
        key = f"copied from {there.names.namespace}"
        if late is None:
            number = leave(there.searcher, journal, key, progress)
        else:
            number = sum(
                leave_late(there.searcher, journal, key, day, late.here.of(day), progress)
                for day in late.lacking_here
            )
        with Embedded(config.store.path, make_normalizer(config), writable=True) as store:
            store.catch_up()
        alerts = local.alerts.take(there.state.alerts.records())
        local.mark_replayed(there.state.replayed(), time.time())
    return Copied(number, 0, 0, alerts)


def compare(config: Config, progress: Progress, until: Place | None = None) -> Compared:
    """Compare journal and cluster day by day, by the ids of events and the hashes of their records.

    `until`: the place of the journal's last record that counts. Raises StoreError.
    """
    from store.elastic.leaving import fingerprint

    with target(config) as there:
        there.refresh()
        cluster: Fingerprint = fingerprint(there.searcher, progress)
    here = of_journal(config, progress, until)
    days = here.days()
    return Compared(
        sum(day.number for day in days.values()), differences(days, cluster.days()),
        here.beyond(cluster), cluster.beyond(here), here,
    )  # fmt: skip


def of_journal(config: Config, progress: Progress, until: Place | None = None) -> Fingerprint:
    """Of the events in the journal, up to a place."""
    found, journal, normalize = Fingerprint(), Journal(config.store.path), make_normalizer(config)
    for partition in journal.partitions():
        for entries in journal.entries(partition):
            for entry in entries:
                if until is not None and (entry.partition, entry.pointer) > until:
                    return found
                event = normalize(entry)
                found.add(moment(event.timestamp), identity(event), entry.record.hash())
            progress(len(entries))
    return found


@contextmanager
def database(config: Config) -> Iterator[Database]:
    if not config.store.path.is_dir():
        raise StoreError(
            f"no store at {config.store.path} yet. `tallyman run` makes one; store.path says where"
        )
    opened = Database(config.store.path)
    try:
        yield opened
    finally:
        opened.close()
