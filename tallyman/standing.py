"""Say how things stand: for a person, a monitoring system and a probe."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import structs

from event_model.errors import StoreError
from store.database import FILE, Database
from store.embedded import Embedded
from store.held import Held
from store.journal import Journal
from store.query.ast import All
from store.state import State
from tallyman.config import Config
from tallyman.stores import is_clustered

SILENT = 15.0  # seconds without a sign of life after which a writer counts as stopped
LEAST_FREE = 64 << 20  # bytes on the disk
_OF_SOURCE = re.compile(r'ingest_(\w+)\{source="(.*)"\}', re.DOTALL)
_OF_DETECTOR = re.compile(r'detector_(\w+)\{detector="(.*)"\}', re.DOTALL)
_OTHERS = ("started", "seen", "rules", "rules_broken")  # saved beside the counters


def status_of(config: Config, store: Any, state: State) -> dict[str, Any]:
    """How things stand, for `tallyman status`, the API and the page.

    Where the cluster is away, a machine that feeds it tells what it knows by itself. Raises StoreError elsewhere.
    """
    with _feeder(config) as local:
        try:
            return {**_status(config, store.held(), store.count(All()), state), "feed": feed_of(local)}
        except StoreError as error:
            if local is None:
                raise
            held = Held(config.store.path.name, None, 0, None)
            return {**_status(config, held, None, local), "feed": feed_of(local), "unreachable": str(error)}


def _status(config: Config, held: Held, events: int | None, state: State) -> dict[str, Any]:
    saved = state.counters.load()
    return {
        "running": is_running(saved),
        "started": saved.get("started"),
        "store": {
            "type": config.store.type,
            **structs.asdict(held),
            "retention": config.store.retention,
        },
        "events": events,
        "alerts_open": state.alerts.open_by_severity(),
        "rules": {"loaded": int(saved.get("rules", 0)), "left_out": int(saved.get("rules_broken", 0))},
        "sources": _by(_OF_SOURCE, saved),
        "detectors": _by(_OF_DETECTOR, saved),
        "sinks": state.sinks(),
        "counters": {name: value for name, value in saved.items() if name not in _OTHERS},
    }


@contextmanager
def _feeder(config: Config) -> Iterator[Database | None]:
    """The state file of the process on this machine that feeds the cluster; None where there is none."""
    if not is_clustered(config) or not (config.store.path / FILE).exists():
        yield None
        return
    database = Database(config.store.path)
    try:
        yield database
    finally:
        database.close()


def feed_of(local: Database | None) -> dict[str, Any] | None:
    """How far the cluster is behind this machine's journal, and what hinders it."""
    if local is None:
        return None
    saved, (reason, since) = local.counters.load(), local.feeding.trouble()
    numbers = {name: int(saved.get(f"feed_{name}", 0)) for name in ("taken", "known", "retries", "refused")}
    behind = {name: saved.get(f"feed_lag_{name}", 0.0) for name in ("records", "bytes", "seconds")}
    return {
        **numbers,
        "behind": behind,
        "away_since": since or None,
        "reason": reason or None,
        "held": len(local.feeding.held()),  # records that only the journal has whole
    }


def is_running(saved: Mapping[str, float]) -> bool:
    """Whether a process has written its counters a moment ago."""
    return time.time() - saved.get("seen", 0.0) < SILENT


def _by(label: re.Pattern[str], saved: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """By source or detector: what was counted of it."""
    found: dict[str, dict[str, float]] = {}
    for name, value in saved.items():
        parts = label.fullmatch(name)
        if parts:
            found.setdefault(parts[2], {})[parts[1]] = value
    return found


def metrics_of(config: Config, store: Any, state: State) -> dict[str, float]:
    """The running process's counters, and gauges of the store, as `name{label="value"}`.

    Where the cluster is away, those of this machine. Raises StoreError where nothing feeds it from here.
    """
    with _feeder(config) as local:
        try:
            return {**_metrics(store, state), **(_fed(local) if local else {})}
        except StoreError:
            if local is None:
                raise
            return _fed(local)


def _fed(local: Database) -> dict[str, float]:
    saved = local.counters.load()
    numbers = {name: value for name, value in saved.items() if name not in _OTHERS}
    return {**numbers, "collecting": float(is_running(saved)), "feed_held": float(len(local.feeding.held()))}


def _metrics(store: Any, state: State) -> dict[str, float]:
    saved = state.counters.load()
    held = store.held()
    numbers = {name: value for name, value in saved.items() if name not in _OTHERS}
    numbers["collecting"] = float(is_running(saved))
    numbers["rules_loaded"], numbers["rules_left_out"] = (
        saved.get("rules", 0.0),
        saved.get("rules_broken", 0.0),
    )
    if held.bytes is not None:
        numbers["journal_bytes" if isinstance(store, Embedded) else "store_bytes"] = float(held.bytes)
    numbers["store_partitions"] = float(held.partitions)
    numbers["store_events"] = float(store.count(All()))
    for severity, count in state.alerts.open_by_severity().items():
        numbers[f'alerts_open{{severity="{severity}"}}'] = float(count)
    for sink, counts in state.sinks().items():
        numbers[f'notify_waiting{{sink="{sink}"}}'] = float(counts["pending"])
        numbers.setdefault(f'notify_failures{{sink="{sink}"}}', float(counts["failed"]))
    return numbers


def ready(store: Any, state: State) -> dict[str, str]:
    """Each thing that must work, with `ok` or what is wrong."""
    checks: dict[str, Callable[[], object]] = {
        "store": lambda: store.count(All()),
        "state": state.check,
    }
    if isinstance(store, Embedded):
        root = store.root
        checks |= {"journal": lambda: _write(root), "disk": lambda: _room(root)}
        return {name: _check(look, str(root), "the store's folder") for name, look in checks.items()}
    return {name: _check(look, store.connection.address, "the cluster") for name, look in checks.items()}


def _write(root: Path) -> None:
    Journal(root).partitions()
    with tempfile.TemporaryFile(dir=root) as probe:  # has no name: nobody sees it
        probe.write(b"?")


def _room(root: Path) -> None:
    free = shutil.disk_usage(root).free
    if free < LEAST_FREE:
        raise OSError(f"only {free >> 20} MB left")


def _check(look: Callable[[], object], place: str, called: str) -> str:
    try:
        look()
    except Exception as error:  # whatever it is, it is the answer
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return str(reason).replace(place, called)  # a probe tells it to anyone
    return "ok"
