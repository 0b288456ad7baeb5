"""Have detectors look through files, or through what a store holds, in the order of time."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import msgspec

from event_model.alert import Match
from event_model.errors import ConfigError, Unreadable
from event_model.event import Event
from event_model.parts import Detector, Inspector
from store.recent import START
from store.snapshots import VERSION, Snapshot, Stale, read, write
from tallyman.normalizer import Normalizer
from tallyman.scanning import Reached, Scanned, Trouble, batches, safe

MODEL = "model"  # whose snapshot such a file is
TOGETHER = 512  # events handed on at once


def in_time(
    paths: Iterable[str], format: str | None, done: Scanned, reached: Reached = lambda offset: None
) -> Iterator[Event]:
    """The events of all files, merged by their times; what could not be read is added to `done`.

    Each file is taken to be in order by itself, as logs are.
    """
    return heapq.merge(
        *(_events(path, format, done, reached) for path in paths), key=lambda event: event.timestamp
    )


def _events(path: str, format: str | None, done: Scanned, reached: Reached) -> Iterator[Event]:
    normalizer = Normalizer()
    for batch in batches(path, format, done.troubles):
        done.records += len(batch.records) + len(batch.dead)
        done.troubles += [Trouble(path, record.offset, reason) for record, reason in batch.dead]
        normalize, origin = normalizer.format("scan", batch.origin.format).normalize, batch.origin
        for record in batch.records:
            try:
                yield normalize(record, origin)
            except Unreadable as error:
                done.troubles.append(Trouble(path, record.offset, str(error)))
        if batch.records:
            reached(batch.records[-1].offset)


def findings(events: Iterable[Event], inspectors: Iterable[Inspector]) -> Iterator[Match]:
    """What each inspector says of the events, in the events' order, with secrets replaced."""
    normalizer, waiting, all_of = Normalizer(), iter(events), list(inspectors)
    while some := list(islice(waiting, TOGETHER)):
        place = {id(event): number for number, event in enumerate(some)}
        found = [(match, inspector) for inspector in all_of for match in inspector.inspect(some)]
        found.sort(key=lambda pair: place.get(id(pair[0].events[-1]), -1))
        for match, inspector in found:
            yield safe(match, normalizer.format("scan", match.events[-1].origin.format), inspector)


def learn(events: Iterable[Event], detectors: Mapping[str, Detector]) -> int:
    """Have the detectors learn from these events and tell nothing; how many events that were."""
    waiting, count = iter(events), 0
    while some := list(islice(waiting, TOGETHER)):
        count += len(some)
        for detector in detectors.values():
            detector.inspect(some)
    return count


def keep(path: Path, detectors: Mapping[str, Detector]) -> int:
    """Write what the detectors have learnt into one file; how many bytes. Raises StoreError."""
    body = msgspec.msgpack.encode({name: detector.snapshot() for name, detector in detectors.items()})
    return write(path, Snapshot(VERSION, MODEL, START, time.time(), body))


def recall(path: Path, detectors: Mapping[str, Detector]) -> None:
    """Have the detectors go on from such a file. Raises ConfigError where it can't be used."""
    try:
        found = read(path, MODEL)
        bodies = msgspec.msgpack.decode(found.body, type=dict[str, bytes]) if found else {}
        for name, detector in detectors.items():
            if name not in bodies:
                raise Stale(
                    f"it holds no memory of {_called(name, detector)}, only of {', '.join(bodies) or 'nobody'}"
                )
            detector.restore(bodies[name])
    except (Stale, ValueError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{path}: {error}. `tallyman detect train` writes a new one") from None


def _called(name: str, detector: Detector) -> str:
    """A detector by its name; several with one memory by theirs as well."""
    members = ", ".join(getattr(detector, "members", ()))
    return f"{name} ({members})" if members else name
