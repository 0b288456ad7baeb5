"""A pipeline over a small real store, with sources, formats and inspectors made for a test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from collector.formats import FORMATS
from event_model.alert import Match, RuleInfo
from event_model.event import Event, Origin, Record
from event_model.parts import Batch
from store.database import Database
from store.embedded import Embedded
from store.journal import Entry, Journal
from store.query import parse
from tallyman.indexing import Indexer
from tallyman.normalizer import Normalizer
from tallyman.outbox import Deliverer
from tallyman.pipeline import Pipeline

ORIGIN = Origin("audit", "kubernetes_audit", "/var/log/audit.log", "prod", "file", "node-1")
NOON = 1_795_435_200.0  # 2026-11-23T12:00:00Z
Ran = Callable[..., tuple[int, str, str]]  # a command's exit code, stdout, stderr
RULE = RuleInfo(
    "0a4d4a52-8c2e-4f0e-9d1d-6f6f3d8f0b11",
    "deleted",
    "Something was deleted",
    "high",
    group_by=("user.name",),
)


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def raw(number: int, **parts: Any) -> bytes:
    """An audit record of its own for each number."""
    stamp = f"2026-11-23T11:{number // 60 % 60:02}:{number % 60:02}.000000Z"
    whole = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": f"id-{number}", "stage": "ResponseComplete",
        "requestURI": f"/api/v1/namespaces/shop/pods/p{number}", "verb": "get",
        "user": {"username": f"user-{number}", "groups": ["system:authenticated"]}, "sourceIPs": ["10.0.0.9"], "userAgent": "kubectl/v1.35.4",
        "objectRef": {"resource": "pods", "namespace": "shop", "name": f"p{number}", "apiVersion": "v1"}, "responseStatus": {"code": 200},
        "requestReceivedTimestamp": stamp, "stageTimestamp": stamp,
    }  # fmt: skip
    return json.dumps({**whole, **parts}).encode()


def batch(
    raws: Sequence[bytes], position: int, *, dead: Sequence[tuple[bytes, str]] = (), origin: Origin = ORIGIN
) -> Batch:
    records = [Record(each, 1000 * position + place) for place, each in enumerate(raws)]
    return Batch(origin, records, origin.source, position, NOON, [(Record(text), why) for text, why in dead])


@dataclass
class Given:
    """A source that gives these batches behind the position kept, then ends, or waits until it is told to stop."""

    batches: list[Batch]
    stays: bool = False
    given: int = 0

    def read(self, positions: dict[str, Any], stop: threading.Event) -> Iterator[Batch]:
        for each in self.batches:
            if each.position > positions.get(each.key, -1):
                yield each
                self.given += 1
        if self.stays:
            stop.wait()


@dataclass
class Deletions:
    """An inspector that alerts of every delete, and remembers what it has seen."""

    seen: list[str] = field(default_factory=list)

    def retell(self, match: Match, event: Event) -> Match:
        return replace(match, events=(event,), reason=event.message)

    def inspect(self, events: list[Event]) -> list[Match]:
        self.seen += [event.id.partition(":")[0] for event in events]
        return [
            Match(RULE, (event,), event.message, {}, (event.user_name or "",))
            for event in events
            if event.action == "delete"
        ]


@dataclass
class Told:
    """A sink that remembers, and refuses while `broken`."""

    broken: bool = False
    alerts: list[dict[str, Any]] = field(default_factory=list)

    def send(self, alerts: list[dict[str, Any]]) -> None:
        if self.broken:
            raise OSError("nobody is there")
        self.alerts += alerts

    @property
    def users(self) -> list[str]:
        return [alert["user"]["name"] for alert in self.alerts]


@dataclass
class World:
    journal: Journal
    store: Embedded
    database: Database
    pipeline: Pipeline

    def run(self) -> None:
        """Until its sources have ended."""
        self.pipeline.run(threading.Event())

    @contextmanager
    def running(self) -> Iterator[threading.Event]:
        """Run in a thread until the block ends; gives what stops it. What ended the run is raised."""
        stop, errors = threading.Event(), list[BaseException]()

        def run() -> None:
            try:
                self.pipeline.run(stop)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield stop
        finally:
            stop.set()
            thread.join(60)
        assert not thread.is_alive()
        if errors:
            raise errors[0]

    def entries(self) -> list[Entry]:
        return [
            each
            for name in self.journal.partitions()
            for block in self.journal.entries(name)
            for each in block
        ]

    def ids(self) -> list[str]:
        """Of what is kept, in order."""
        return [json.loads(each.record.raw)["auditID"] for each in self.entries() if not each.reason]

    def count(self, query: str = "") -> int:
        return self.store.count(parse(query))

    def alerts(self) -> list[dict[str, Any]]:
        return self.database.alerts.listed(limit=1000).alerts


@contextmanager
def world(
    root: Path,
    sources: dict[str, Any],
    *,
    inspectors: list[Any] | None = None,
    sinks: dict[str, Any] | None = None,
    format_of: Callable[[str, str], Any] | None = None,
    once: bool = False,
) -> Iterator[World]:
    normalize = Normalizer()
    with ExitStack() as opened:
        journal = opened.enter_context(Journal(root, writable=True))
        store = opened.enter_context(Embedded(root, normalize, writable=True))
        database = Database(root)
        opened.callback(database.close)
        book = database.book(sinks=dict.fromkeys(sinks or {}, "low"))
        deliverers = [Deliverer(name, sink, database.outbox) for name, sink in (sinks or {}).items()]
        pipeline = Pipeline(
            sources, format_of or (lambda source, name: FORMATS.make(name)), journal, normalize, Indexer(store), book,
            [] if inspectors is None else inspectors, deliverers, lambda text: text, once=once,
        )  # fmt: skip
        yield World(journal, store, database, pipeline)
