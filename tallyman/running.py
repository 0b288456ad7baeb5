"""`tallyman run` put together: store, rules, sources and sinks of a configuration around one pipeline."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from event_model.parts import Source
from rules.engine import Engine, Pack
from rules.engine.watch import watch
from store import retention
from store.database import Database
from store.embedded import Embedded
from store.journal import Journal
from store.times import parse_duration
from tallyman.config import Config
from tallyman.counters import Counters
from tallyman.outbox import Deliverer
from tallyman.pipeline import Pipeline
from tallyman.wiring import make_engine, make_normalizer, make_sinks, make_sources, rule_folders

log = logging.getLogger(__name__)
PRUNE_EVERY = 3600.0  # seconds
ROLL_BYTES = 1 << 30  # of a partition's journal


@dataclass(slots=True)
class Running:
    """Everything of a running Tallyman that someone may ask about."""

    config: Config
    journal: Journal
    store: Embedded
    database: Database
    engine: Engine
    pipeline: Pipeline
    pack: Pack
    started: float = field(default_factory=time.time)
    _pruned: float = 0.0

    def use(self, pack: Pack) -> None:
        """Take these rules from the next batch on."""
        for error in pack.errors:
            log.warning("rule left out", extra={"reason": str(error)})
        self.pack = pack
        self.engine.replace(pack.rules)

    def each_second(self) -> None:
        """Write down the counters for `tallyman status`, and prune once an hour."""
        counters = self.pipeline.counters.snapshot()
        self.database.counters.save(
            {
                **counters,
                "started": self.started,
                "seen": time.time(),
                "rules": len(self.pack.rules),
                "rules_broken": len(self.pack.errors),
            }
        )
        if time.monotonic() - self._pruned >= PRUNE_EVERY:
            self._pruned = time.monotonic()
            self._prune(datetime.now(UTC))

    def _prune(self, now: datetime) -> None:
        age, size = retention.age(self.config.store.retention), retention.size(self.config.store.max_size)
        for name in retention.apply(self.journal, now, age=age, size=size):
            log.info("deleted by retention", extra={"partition": name})
        if age is not None:
            self.database.prune((now - age).timestamp())


@contextmanager
def running(config: Config, sources: dict[str, Source] | None = None) -> Iterator[Running]:
    """Open everything; `sources` in place of the configured ones. Closes it in the end, whatever happened."""
    folders = rule_folders(config.rules.packs)
    made = make_sources(config) if sources is None else sources
    sinks = make_sinks(config)
    normalize = make_normalizer(config)
    with ExitStack() as opened:
        journal = opened.enter_context(Journal(config.store.path, writable=True, roll_bytes=ROLL_BYTES))
        store = opened.enter_context(Embedded(config.store.path, normalize, writable=True))
        database = Database(config.store.path)
        opened.callback(database.close)
        least = {name: section.min_severity for name, section in config.sinks.items()}
        book = database.book(sinks=least, window=parse_duration(config.rules.group_window).total_seconds())
        database.outbox.forget(sinks)
        deliverers = [Deliverer(name, sink, database.outbox) for name, sink in sinks.items()]
        engine = make_engine([])
        pipeline = Pipeline(
            made, normalize.format, journal, store, book, [engine], deliverers, redact_unread(), Counters()
        )
        whole = Running(config, journal, store, database, engine, pipeline, Pack())
        pipeline.on_second = whole.each_second
        opened.callback(watch(folders, whole.use).stop)
        yield whole


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
