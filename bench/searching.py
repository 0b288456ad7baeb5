"""First page with histogram and top values over many events in the embedded store."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.generate import lines
from bench.measure import Row, seconds
from collector.formats import FORMATS
from event_model.event import Origin, Record
from event_model.parts import Batch
from store.embedded import Embedded
from store.journal import Journal
from store.query import parse
from tallyman.normalizer import Normalizer

EVENTS = 1_000_000
DISTINCT = 20_000  # then the same records again, with other positions: generating takes longer than storing
QUERIES = [
    "", "who:human", "user:alice@example.com", "verb:create and resource:pods", "outcome:failure",
    "ns:kube-system and not verb:(get or list or watch)", "source.ip:10.0.0.0/8 and resource:secrets", "message:alice*",
]  # fmt: skip


def search(log: Path) -> Iterator[Row]:
    """The 95th percentile over several queries, each page of 50 with 60 bars and 10 top values of two fields."""
    with tempfile.TemporaryDirectory() as name:
        with Journal(Path(name), writable=True) as journal:
            store = Embedded(Path(name), Normalizer(), writable=True)
            fill(journal, store)
        times = sorted(seconds(partial(page, store, query)) for _ in range(5) for query in QUERIES)
        store.close()
    worst = times[int(len(times) * 0.95)]
    yield Row(
        "search: first page, p95",
        f"{EVENTS:,} events",
        "300 ms",
        f"{worst * 1000:.0f} ms",
        worst / 0.3,
        1.0,
        "lower",
    )


def page(store: Embedded, text: str) -> None:
    """What the page asks for: events, counts over time, commonest values."""
    query = parse(text)
    store.search(query, since=None, until=None, limit=50, after=None, oldest_first=False)
    store.histogram(query, since=None, until=None, buckets=60)
    for field in ("user.name", "event.action"):
        store.top(query, field, since=None, until=None, size=10)


def fill(journal: Journal, store: Embedded) -> None:
    """EVENTS events through journal and index."""
    format = FORMATS.make("kubernetes_audit")
    origin = Origin(source="bench", format="kubernetes_audit", cluster="bench")
    records = [Record(line, number) for number, line in enumerate(lines(DISTINCT))]
    events = [format.normalize(record, origin) for record in records]
    for start in range(0, EVENTS, 1000):
        at = start % DISTINCT
        batch = Batch(origin, records[at : at + 1000], "bench", start, time.time())
        store.add(list(zip(journal.append(batch, {}), events[at : at + 1000], strict=True)))
    store.commit()
