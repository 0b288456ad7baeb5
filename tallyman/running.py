"""`tallyman run` put together: store, rules, sources and sinks of a configuration around one pipeline."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from event_model.errors import StoreError
from event_model.parts import Detector, Source
from rules.engine import Engine, Pack
from rules.engine.watch import watch
from store.alerts import AlertBook
from store.database import Database
from store.journal import Journal
from store.snapshots import Snapshots
from tallyman.config import Config
from tallyman.counters import Counters
from tallyman.detecting import Detection
from tallyman.feedback import Feedback
from tallyman.memory import Memory
from tallyman.outbox import Deliverer, Teller
from tallyman.pipeline import Pipeline
from tallyman.publishing import make_publisher
from tallyman.stores import is_clustered, make_index, make_store, prune
from tallyman.wiring import (
    Bounds,
    bounds,
    make_detectors,
    make_engine,
    make_normalizer,
    make_sinks,
    make_sources,
    rule_folders,
)

log = logging.getLogger(__name__)
PRUNE_EVERY = 3600.0  # seconds
ROLL_BYTES = 1 << 30  # of a partition's journal


@dataclass(slots=True)
class Running:
    """Everything of a running Tallyman that someone may ask about."""

    config: Config
    journal: Journal
    store: Any  # to be asked: store.embedded.Embedded or store.elasticsearch.Elasticsearch
    database: Database
    engine: Engine
    pipeline: Pipeline
    pack: Pack
    bounds: Bounds
    started: float = field(default_factory=time.time)
    _pruned: float = float("-inf")

    def use(self, pack: Pack) -> None:
        """Take these rules from the next batch on."""
        for error in pack.errors:
            log.warning("rule left out", extra={"reason": str(error)})
        self.pack = pack
        self.engine.replace(pack.rules)

    def each_second(self) -> None:
        """Prune once an hour, also where the disk is full, and say for `tallyman status` how things stand."""
        if time.monotonic() - self._pruned >= PRUNE_EVERY:
            self._pruned = time.monotonic()
            self._prune(datetime.now(UTC))
        self.save(time.time())

    def save(self, seen: float) -> None:
        """Write down the counters, and when this process was seen alive."""
        counters = {**self.pipeline.counters.snapshot(), **self.pipeline.index.tell()}
        self.database.counters.save(
            {
                **counters,
                "started": self.started,
                "seen": seen,
                "rules": len(self.pack.rules),
                "rules_broken": len(self.pack.errors),
            }
        )

    def _prune(self, now: datetime) -> None:
        for name in prune(self.config, self.journal, self.database, now):
            log.info("deleted by retention", extra={"partition": name})
        if self.bounds.age is not None:
            self.database.prune((now - self.bounds.age).timestamp())


@contextmanager
def running(config: Config, sources: dict[str, Source] | None = None) -> Iterator[Running]:
    """Open everything; `sources` in place of the configured ones. Closes it in the end, whatever happened."""
    folders, limits = rule_folders(config.rules.packs), bounds(config)
    made = make_sources(config) if sources is None else sources
    sinks, detectors = make_sinks(config), make_detectors(config.detectors)
    normalize = make_normalizer(config)
    with ExitStack() as opened:
        journal = opened.enter_context(Journal(config.store.path, writable=True, roll_bytes=ROLL_BYTES))
        store = opened.enter_context(make_store(config, normalize, writable=True))
        database = Database(config.store.path)
        opened.callback(database.close)
        least = {name: section.min_severity for name, section in config.sinks.items()}
        book = database.book(sinks=least, window=limits.window)
        database.outbox.forget(sinks)
        counters = Counters()
        index = make_index(config, store, journal, normalize, database, counters)
        deliverers: list[Teller] = [
            Deliverer(name, sink, database.outbox, counters) for name, sink in sinks.items()
        ]
        if is_clustered(config):
            publisher = make_publisher(config, database, limits.age, counters)
            opened.callback(publisher.state.close)
            deliverers.append(publisher)
        engine = make_engine([])
        pipeline = Pipeline(
            made, normalize.format, journal, normalize, index, book, [engine], deliverers, redact_unread(),
            counters, once=sources is not None,
        )  # fmt: skip
        if detectors:
            seen = database.book(sinks=least, window=limits.window, name="detected")
            pipeline.detection = make_detection(config, limits, detectors, pipeline, seen)
        whole = Running(config, journal, store, database, engine, pipeline, Pack(), limits)
        pipeline.on_second = whole.each_second
        opened.callback(watch(folders, whole.use).stop)
        yield whole
        with suppress(StoreError):  # it has ended in order, whether or not that can be written down
            whole.save(0.0)


def make_detection(
    config: Config, limits: Bounds, detectors: dict[str, Detector], pipeline: Pipeline, book: AlertBook
) -> Detection:
    """The detectors behind a pipeline's rules."""
    counters, journal = pipeline.counters, pipeline.journal
    return Detection(
        detectors,
        journal,
        pipeline.normalize,
        book,
        Memory(Snapshots(config.store.path), journal, counters, limits.history.total_seconds()),
        Feedback(book, limits.feedback),
        counters,
        pipeline.wake,
        limits.snapshots.total_seconds(),
        silent=config.detectors.learning,
        once=pipeline.once,
    )


def redact_unread() -> Callable[[bytes], bytes]:
    """What hides secrets in records that no format understood."""
    from collector.secrets import redact_text

    return redact_text


def stop_on_signals(stop: threading.Event) -> None:
    """SIGTERM and SIGINT end the run in order; a second one ends it at once."""
    import signal

    def ended(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGINT, ended)
