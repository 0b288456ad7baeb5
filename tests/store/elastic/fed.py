"""A journal and the feed behind it, into data streams of a real cluster."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from event_model.event import Event
from event_model.parts import Batch
from store.database import Database
from store.elastic.bulk import Bulk
from store.elastic.client import Connection, connect
from store.elastic.document import Documents
from store.elastic.feed import Feed
from store.elastic.mapping import events, properties
from store.feeding import Taken
from store.journal import Entry, Journal
from tallyman.normalizer import Normalizer
from tests.end_to_end.waiting import until as wait_until
from tests.services.cluster import Cluster
from tests.tallyman.world import batch, raw

PATIENCE = 60.0  # seconds; a condition that has not come about by then never will
PROPERTIES = properties(events())["properties"]


def until(condition: Callable[[], Any]) -> None:
    """Return when the condition holds."""
    wait_until(condition, PATIENCE)


@dataclass
class Fed:
    journal: Journal
    database: Database
    feed: Feed
    taken: Taken
    normalize: Callable[[Entry], Event]
    numbers: Counter[str] = field(default_factory=Counter)

    def put(self, given: Batch) -> None:
        """As the pipeline does: into the journal, then to the feed."""
        self.feed.put([(entry, self.normalize(entry)) for entry in self.journal.append(given, {})])

    def put_raws(self, raws: Sequence[bytes], position: int = 0) -> None:
        self.put(batch(raws, position))

    def all_taken(self) -> None:
        until(lambda: self.feed.tell()["feed_lag_records"] == 0)


@contextmanager
def fed(
    root: Path, cluster: Cluster, url: str = "", *, timeout: float = 30.0, **options: Any
) -> Iterator[Fed]:
    """Feeding until the block ends. `url`: of a proxy before the cluster; `bulk`: what to use as Bulk."""
    normalize, bulk = options.pop("normalize", Normalizer()), options.pop("bulk", Bulk)
    connection = Connection(hosts=(url,), timeout=timeout) if url else cluster.connection
    numbers: Counter[str] = Counter()

    def count(name: str, amount: float) -> None:
        numbers[name] += int(amount)

    with Journal(root, writable=True, **options.pop("journal", {})) as journal:
        database = Database(root)
        taken = Taken(database.file, cluster.url, cluster.names.namespace)
        feed = Feed(
            journal, normalize, Documents(PROPERTIES, cluster.names),
            bulk(connect(connection, retries=0), connection), database.feeding, taken,
            count=count, first_pause=0.05, **options,
        )  # fmt: skip
        feed.catch_up()
        stop = threading.Event()
        thread = threading.Thread(target=feed.run, args=(stop,))
        thread.start()
        try:
            yield Fed(journal, database, feed, taken, normalize, numbers)
        finally:
            stop.set()
            feed.put(None)
            thread.join(PATIENCE)
            assert not thread.is_alive()
            database.close()
        assert feed.error is None


def stored(cluster: Cluster) -> Counter[str]:
    """How often each id is in the cluster."""
    client, streams = cluster.client, ",".join(cluster.names.streams)
    client.indices.refresh(index=streams, ignore_unavailable=True)
    hits = client.search(index=streams, size=10_000, source=False, ignore_unavailable=True)["hits"]["hits"]
    return Counter(hit["_id"] for hit in hits)


def seen(cluster: Cluster) -> int:
    """How many events are in the cluster; none while it is not whole, as just after its start."""
    import elastic_transport
    import elasticsearch

    try:
        return len(stored(cluster))
    except (elasticsearch.ApiError, elastic_transport.TransportError):
        return 0


def once(cluster: Cluster) -> int:
    """How many events are in the cluster, each of them once."""
    found = stored(cluster)
    assert set(found.values()) <= {1}, f"twice: {[id for id, times in found.items() if times > 1][:5]}"
    return len(found)


def raws(begin: int, end: int) -> list[bytes]:
    return [raw(number) for number in range(begin, end)]


def letters(cluster: Cluster) -> list[dict[str, Any]]:
    """The documents of dead letters."""
    stream = cluster.names.stream("tallyman.dead_letters")
    cluster.client.indices.refresh(index=stream, ignore_unavailable=True)
    found = cluster.client.search(index=stream, size=100, ignore_unavailable=True)["hits"]["hits"]
    return [hit["_source"] for hit in found]
