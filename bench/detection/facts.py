"""A stream as the detectors read it: decoded once by the real format, and kept, since every detector is to see the same."""

from __future__ import annotations

import gzip
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from collector.formats import FORMATS
from event_model.behaviour import Behaviour, Facets
from event_model.event import Event, Origin, Record

FORMAT = "kubernetes_audit"
BATCH = 512
ORIGIN = Origin("bench", FORMAT)


class Facts(Struct):
    """For each event: which of `facets`, when it was received, and its id."""

    facets: list[Facets | None]
    keys: list[int]
    times: list[str]
    ids: list[str]


class Told(Struct, frozen=True):
    """An event, as far as a detector and a scorer ask for it."""

    key: int
    timestamp: str
    id: str
    origin: Origin = ORIGIN
    native: Any = None
    user_name: str | None = None


def read(stream: Path) -> Facts:
    """Decode a stream of audit records, a line each."""
    normalize = FORMATS.make(FORMAT).normalize
    behaviour: Behaviour = FORMATS.find(FORMAT).behaviour
    numbers: dict[Hashable, int] = {}
    facts = Facts([], [], [], [])
    opened = gzip.open if stream.suffix == ".gz" else open
    with opened(stream, "rb") as lines:
        for line in lines:
            event = normalize(Record(line.rstrip(b"\n")), ORIGIN)
            key = behaviour.key(event)
            number = numbers.get(key)
            if number is None:
                number = numbers[key] = len(facts.facets)
                facts.facets.append(None if key is None else behaviour.facets(event))
            facts.keys.append(number)
            facts.times.append(event.start or event.timestamp)
            facts.ids.append(event.native.auditID)
    return facts


def kept(path: Path) -> Facts:
    return msgspec.msgpack.decode(path.read_bytes(), type=Facts)


def keep(facts: Facts, path: Path) -> None:
    path.write_bytes(msgspec.msgpack.encode(facts))


def batches(facts: Facts) -> Iterator[list[Event]]:
    """The events, in the pipeline's manner."""
    for start in range(0, len(facts.keys), BATCH):
        end = start + BATCH
        told = zip(facts.keys[start:end], facts.times[start:end], facts.ids[start:end], strict=True)
        yield [Told(key, time, id) for key, time, id in told]  # type: ignore[misc]


def behaviour(facts: Facts) -> Behaviour:
    """The format's declaration, over facts."""
    declared: Behaviour = FORMATS.find(FORMAT).behaviour
    return Behaviour(
        key=lambda event: event.key,  # type: ignore[attr-defined]
        facets=lambda event: facts.facets[event.key],  # type: ignore[attr-defined]
        priors=declared.priors,
        realm=declared.realm,
    )
