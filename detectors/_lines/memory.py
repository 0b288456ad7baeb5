"""Snapshots of what was learnt of lines: shapes without secrets, and who writes them how often."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from collector.credentials import mask
from detectors._lines.entity import Entity, Shape, Writers
from detectors._watch.budget import Budget
from detectors._watch.clock import Clock
from detectors._watch.sealed import Kept, give_back, keep, seal, unseal
from detectors._watch.verdicts import Verdicts

VERSION = 2
NAME = "log_template"


class Written(Struct, array_like=True):
    """A Shape; `count` is of the window of the snapshot, -1 where it has not begun in it."""

    template: int
    first: int
    seen: float
    total: float
    squares: float
    count: int
    check: int


class Writer(Struct, array_like=True):
    """An Entity."""

    realm: str
    name: str
    group: str
    first: int
    aged: float
    n: float
    m: float
    windows: int
    novel: bool
    shapes: list[Written]


class State(Struct, array_like=True):
    minute: int
    flow: float
    templates: list[tuple[int, str, str, int]]
    groups: dict[str, tuple[float, float, float]]
    writers: list[Writer]
    kept: Kept


def pack(clock: Clock, writers: Writers, budget: Budget, verdicts: Verdicts) -> bytes:
    state = State(
        clock.minute,
        clock.flow,
        [
            (each.id, mask(" ".join(each.words)), each.owner, each.born)
            for each in writers.templates.by_id.values()
        ],
        {group.name: (group.aged, group.n, group.m) for group in writers.groups.values()},
        [_writer(entity, clock.window) for entity in writers.entities.values()],
        keep(budget, verdicts),
    )
    return seal(NAME, VERSION, state)


def unpack(data: bytes, writers: Writers, budget: Budget) -> tuple[Clock, Verdicts, list[Shape]]:
    """Fill new writers and a new budget; the shapes that the window of the snapshot holds. Raises ValueError."""
    state: State = unseal(NAME, VERSION, data, State)
    clock = Clock(state.minute, state.flow)
    for id, words, owner, born in state.templates[: writers.templates.most]:
        writers.templates.restore(id, words, owner, born)
    for name, (aged, n, m) in state.groups.items():
        group = writers.group(name)
        group.aged, group.n, group.m = aged, n, m
    begun: list[Shape] = []
    for writer in state.writers[-writers.most :]:
        begun += _enter(writer, writers, clock.window)
    writers.templates.forget(writers.templates.by_id.keys() - writers.knowing.keys())
    return clock, give_back(state.kept, budget), begun


def _writer(entity: Entity, window: int) -> Writer:
    shapes = [
        Written(
            id, each.first, each.seen, each.total, each.squares,
            each.count if each.window == window else -1, each.check,
        )
        for id, each in entity.shapes.items()
    ]  # fmt: skip
    return Writer(
        entity.realm, entity.entity, entity.group.name, entity.first, entity.aged, entity.n, entity.m,
        entity.windows, entity.novel, shapes,
    )  # fmt: skip


def _enter(writer: Writer, writers: Writers, window: int) -> list[Shape]:
    """Add an entity; the shapes that it wrote in the window of the snapshot."""
    entity = writers.entity(writer.realm, writer.name, writer.group, writer.first)
    for name in ("aged", "n", "m", "windows", "novel"):
        setattr(entity, name, getattr(writer, name))
    begun = []
    for written in writer.shapes[: writers.each]:
        template: Any = writers.templates.by_id.get(written.template)
        if template is None:
            continue
        shape = writers.know(entity, template, written.first)
        shape.seen, shape.total, shape.squares = written.seen, written.total, written.squares
        if written.count >= 0:
            shape.window, shape.count, shape.check = window, written.count, written.check
            begun.append(shape)
    return begun
