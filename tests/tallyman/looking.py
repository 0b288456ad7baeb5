"""A world whose records detectors look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from event_model.parts import Batch
from store.snapshots import Snapshots
from tallyman.detecting import Detection
from tallyman.feedback import Feedback
from tallyman.memory import Memory
from tests.tallyman.world import Deletions, Given, Told, World, raw, world

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ALICE = {"user": {"username": "alice"}}


def acts(*verbs: str, first: int = 0) -> list[bytes]:
    """Alice does these, one a second."""
    return [raw(first + place, verb=verb, **ALICE) for place, verb in enumerate(verbs)]


@contextmanager
def looking(
    root: Path,
    batches: list[Batch],
    detectors: dict[str, Any],
    *,
    stays: bool = False,
    once: bool = True,
    history: float = 3600.0,
    **more: Any,
) -> Iterator[World]:
    """A world with these detectors; `more` are fields of its Detection."""
    sinks = {"told": Told()}
    with world(
        root, {"audit": Given(batches, stays)}, inspectors=[Deletions()], sinks=sinks, once=once
    ) as made:
        book = made.database.book(sinks={"told": "low"}, name="detected")
        kept = Memory(Snapshots(root), made.journal, made.pipeline.counters, history)
        made.pipeline.detection = Detection(
            detectors, made.journal, made.store.normalize, book, kept,
            Feedback(book, timedelta(days=30), NOW.timestamp), made.pipeline.counters, once=once, **more,
        )  # fmt: skip
        yield made


def behaviour(made: World) -> list[str]:
    """The reasons of the detectors' alerts."""
    return sorted(each["reason"] for each in made.alerts() if each["rule_id"].startswith("behaviour_"))
