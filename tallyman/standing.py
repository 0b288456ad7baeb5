"""Say how things stand: for a person, a monitoring system and a probe."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import structs

from store.embedded import Embedded
from store.journal import Journal
from store.query.ast import All
from store.state import State
from tallyman.config import Config

SILENT = 15.0  # seconds without a sign of life after which a writer counts as stopped
LEAST_FREE = 64 << 20  # bytes on the disk
_OF_SOURCE = re.compile(r'ingest_(\w+)\{source="(.*)"\}', re.DOTALL)
_OTHERS = ("started", "seen", "rules", "rules_broken")  # saved beside the counters


def status_of(config: Config, store: Any, state: State) -> dict[str, Any]:
    """How things stand, for `tallyman status`, the API and the page."""
    saved = state.counters.load()
    held = store.held()
    return {
        "running": is_running(saved),
        "started": saved.get("started"),
        "store": {
            "type": config.store.type,
            **structs.asdict(held),
            "retention": config.store.retention,
        },
        "events": store.count(All()),
        "alerts_open": state.alerts.open_by_severity(),
        "rules": {"loaded": int(saved.get("rules", 0)), "left_out": int(saved.get("rules_broken", 0))},
        "sources": sources(saved),
        "sinks": state.sinks(),
        "counters": {name: value for name, value in saved.items() if name not in _OTHERS},
    }


def is_running(saved: Mapping[str, float]) -> bool:
    """Whether a process has written its counters a moment ago."""
    return time.time() - saved.get("seen", 0.0) < SILENT


def sources(saved: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """By source: what was counted of it (events, records, unreadable)."""
    found: dict[str, dict[str, float]] = {}
    for name, value in saved.items():
        parts = _OF_SOURCE.fullmatch(name)
        if parts:
            found.setdefault(parts[2], {})[parts[1]] = value
    return found


def metrics_of(store: Any, state: State) -> dict[str, float]:
    """The running process's counters, and gauges of the store, as `name{label="value"}`."""
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
