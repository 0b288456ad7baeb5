"""What the detectors cost: per event beside making it, per window beside scikit-learn."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time

from bench.measure import Row, each, in_turn, seconds
from collector.formats import FORMATS
from detectors import DETECTORS
from detectors._watch.watch import Options
from detectors._watch.watcher import crew
from event_model.event import Event, Origin, Record
from tallyman.wiring import behaviour_of

LINES = 40_000  # of twelve containers, in an hour and a half
BATCH = 512
WINDOWS = 64  # closed at once
COLUMNS = 20


def detect(log: Path) -> Iterator[Row]:
    """The log through those that watch actors; lines of containers through each of both others; windows of numbers
    through the model."""
    yield actors(log)
    format = FORMATS.make("cri_log")
    records = list(lines(random.Random(1)))

    def normalize() -> list[Event]:
        return [format.normalize(Record(raw), where) for raw, where in records]

    events = normalize()
    floor = min(seconds(normalize, process_time) for _ in range(3))
    for name, target in (("log_template", 3.0), ("isolation_forest", 3.0)):
        took = min(looked(name, events) for _ in range(3))
        yield Row(
            f"detect: {name}", f"{LINES} lines of containers", each(floor, LINES), each(took, LINES), took / floor, target, "lower"
        )  # fmt: skip
    yield windows()


def actors(log: Path) -> Row:
    """Novelty, rate and accumulation together, batch by batch behind the making of events, as a run has it."""
    format, origin = FORMATS.make("kubernetes_audit"), Origin("bench", "kubernetes_audit")
    found = crew({name: DETECTORS.make(name) for name in ("novelty", "rate", "accumulation")}, Options())
    found["actors"].attach(behaviour_of)
    raws, made, took = log.read_bytes().splitlines(), 0.0, 0.0
    for start in range(0, len(raws), BATCH):
        begun = process_time()
        events = [format.normalize(Record(raw), origin) for raw in raws[start : start + BATCH]]
        between = process_time()
        found["actors"].inspect(events)
        made, took = made + between - begun, took + process_time() - between
    name = "detect: novelty, rate and accumulation together"
    return Row(name, log.name, each(made, len(raws)), each(took, len(raws)), took / made, 1.0, "lower")


def looked(name: str, events: list[Event]) -> float:
    """Seconds that a detector takes for the events once it has seen a quarter of them."""
    detector = DETECTORS.make(name)
    detector.attach(lambda format: FORMATS.find(format).behaviour)
    detector.inspect(events[: LINES // 4])
    return seconds(lambda: detector.inspect(events[LINES // 4 :]), process_time) * 4 / 3


def windows() -> Row:
    """Isolation of closed windows by tables of path lengths beside `score_samples`."""
    import numpy as np
    from sklearn.ensemble import IsolationForest

    from detectors._numbers.forest import SAMPLE, TREES, Model

    chance = np.random.default_rng(1)
    rows = chance.standard_normal((4096, COLUMNS)).astype(np.float32)
    some = rows[:WINDOWS]
    forest = IsolationForest(n_estimators=TREES, max_samples=SAMPLE, random_state=0).fit(rows)
    model = Model(rows)
    floor, ours = in_turn(lambda: forest.score_samples(some), lambda: model.isolation(some))
    return Row(
        "detect: isolation of windows", f"{WINDOWS} windows at once", each(floor, WINDOWS), each(ours, WINDOWS),
        ours / floor, 0.5, "lower",
    )  # fmt: skip


def lines(chance: random.Random) -> Iterator[tuple[bytes, Origin]]:
    """Lines as web servers, workers and controllers write them, with the file that each stands in."""
    names = ["".join(chance.choices("abcdefghijklmnop", k=7)) for _ in range(200)]
    origins = [
        Origin("pods", "cri_log", f"/var/log/pods/prod_{name}-7f9c6d5b8d-x2x4z_0b1c22-33/app/0.log")
        for name in names[:12]
    ]
    start = datetime(2026, 3, 2, tzinfo=UTC)
    for n in range(LINES):
        moment = start + timedelta(seconds=n * 5400 / LINES)
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z stdout F "
        yield (stamp + _text(chance, names, moment)).encode(), chance.choice(origins)


def _text(chance: random.Random, names: list[str], moment: datetime) -> str:
    kind = chance.random()
    if kind < 0.5:
        return (
            f'10.0.{chance.randrange(9)}.{chance.randrange(255)} - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] '
            f'"GET /api/v1/items/{chance.randrange(10**6)} HTTP/1.1" {chance.choice([200, 304, 404])} {chance.randrange(9**5)} "-" "Mozilla/5.0"'
        )  # fmt: skip
    if kind < 0.7:
        return f"INFO  [worker-{chance.randrange(8)}] order {chance.getrandbits(48):012x} of {chance.choice(names)} accepted in {chance.randrange(500)}ms"
    if kind < 0.85:
        return f'{{"level":"info","msg":"payment captured","id":"{chance.getrandbits(64):016x}","ms":{chance.randrange(400)}}}'
    if kind < 0.99:
        return f"I{moment:%m%d %H:%M:%S.%f}       1 cache.go:88] refreshed {chance.randrange(900)} keys of {chance.choice(names)}"
    return f"WARN slow request id={chance.getrandbits(32):08x} path=/checkout/{chance.choice(names)} took {chance.random():.3f}s"
