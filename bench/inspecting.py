"""Decode, normalize and inspect, beside nothing but parsing the same lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import orjson

from bench.measure import Row, each, in_turn
from collector.formats import FORMATS
from event_model.event import Origin, Record
from rules.engine import load
from tallyman.heap import settle
from tallyman.scanning import scan as scan_file
from tallyman.wiring import make_engine, rule_folders

BATCH = 256


def inspect(log: Path) -> Iterator[Row]:
    """Every line decoded, normalized and shown to the full rule pack, on one core."""
    lines = log.read_bytes().splitlines()
    engine, format = make_engine(load(rule_folders(["shipped"])).rules), FORMATS.make("kubernetes_audit")
    settle()
    origin = Origin(source="bench", format="kubernetes_audit", cluster="bench")

    def ours() -> None:
        normalize = format.normalize
        for start in range(0, len(lines), BATCH):
            engine.inspect([normalize(Record(line), origin) for line in lines[start : start + BATCH]])

    base, took = in_turn(lambda: parse(lines), ours, clock=time.process_time)
    yield Row(
        "decode + normalize + rules",
        log.name,
        each(base, len(lines)),
        each(took, len(lines)),
        base / took,
        0.5,
        "higher",
    )


def scan(log: Path) -> Iterator[Row]:
    """The same as `tallyman scan` does it, from file to matches, on one core."""
    lines = log.read_bytes().splitlines()
    engine = make_engine(load(rule_folders(["shipped"])).rules)
    settle()
    base, took = in_turn(
        lambda: parse(lines), lambda: scan_file(str(log), "kubernetes_audit", engine), clock=time.process_time
    )
    yield Row(
        "scan: file in, matches out",
        log.name,
        each(base, len(lines)),
        each(took, len(lines)),
        base / took,
        1.0,
        "higher",
    )


def parse(lines: list[bytes]) -> None:
    """The floor: each line through orjson and away."""
    loads = orjson.loads
    for line in lines:
        loads(line)
