"""Snapshots of what was learnt of lines: shapes without secrets, and who writes them how often."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from detectors._lines.commons import Common
from detectors._lines.entity import ELSEWHEN, Case, Entity, Shape, Term
from detectors._lines.templates import Place
from detectors._lines.writers import Writers
from detectors._watch.budget import Budget
from detectors._watch.clock import Clock
from detectors._watch.lately import Lately
from detectors._watch.peers import Key
from detectors._watch.sealed import Kept, give_back, keep, seal, unseal
from detectors._watch.verdicts import Verdicts
from event_model.ready import ready

VERSION = 4
NAME = "log_template"


class Shared(Struct, array_like=True):
    """A Common."""

    words: list[str]
    place: Place
    born: int


class Written(Struct, array_like=True):
    """A Shape; `count` is of the window of the snapshot, -1 where it has not begun in it."""

    common: int  # its number
    words: list[str]
    place: Place
    born: int
    first: int
    seen: float
    total: float
    squares: float
    count: int
    check: int


class Reason(Struct, array_like=True):
    """A Term; `shape` is the number of the shape among those of its entity."""

    shape: int
    nats: float
    said: list[str]
    knowing: int
    count: int
    usual: float


class Opened(Struct, array_like=True):
    """A Case: what was unusual so far in the window that is open."""

    new: list[Reason]
    bursts: list[Reason]
    told: float


class Writer(Struct, array_like=True):
    """An Entity."""

    realm: str
    cluster: str
    name: str
    group: Key
    first: int
    met: float
    seen: float
    aged: float
    n: float
    m: float
    windows: int
    novel: bool
    unshaped: int
    lately: Lately
    case: Opened | None
    shapes: list[Written]


class State(Struct, array_like=True):
    clock: Clock
    commons: list[Shared]
    groups: list[tuple[Key, float, float, float]]
    writers: list[Writer]
    kept: Kept


ready(State)


def pack(clock: Clock, writers: Writers, budget: Budget, verdicts: Verdicts) -> bytes:
    commons = list(writers.commons)
    numbers = {common: number for number, common in enumerate(commons)}
    state = State(
        clock,
        [Shared(each.words, each.place, each.born) for each in commons],
        [(group.key, group.aged, group.n, group.m) for group in writers.groups.values()],
        [_writer(entity, clock.window, numbers) for entity in writers.entities.values()],
        keep(budget, verdicts),
    )
    return seal(NAME, VERSION, state)


def unpack(data: bytes, writers: Writers, budget: Budget) -> tuple[Clock, Verdicts, list[Shape]]:
    """Fill new writers and a new budget; the shapes that the window of the snapshot holds. Raises ValueError."""
    state: State = unseal(NAME, VERSION, data, State)
    clock = state.clock
    commons = [writers.commons.add(Common(each.words, each.place, each.born)) for each in state.commons]
    for key, aged, n, m in state.groups:
        group = writers.group(key)
        group.aged, group.n, group.m = aged, n, m
    begun: list[Shape] = []
    for writer in state.writers:
        begun += _enter(writer, writers, commons, clock.window)
    writers.shed()
    return clock, give_back(state.kept, budget), begun


def _writer(entity: Entity, window: int, numbers: dict[Common, int]) -> Writer:
    shapes = [
        Written(
            numbers[each.common], each.words, each.place, each.born, each.first, each.seen, each.total,
            each.squares, each.count if each.window == window else -1, each.check,
        )
        for each in entity.shapes
    ]  # fmt: skip
    return Writer(
        entity.realm, entity.cluster, entity.entity, entity.group.key, entity.first, entity.met, entity.seen, entity.aged, entity.n, entity.m,
        entity.windows, entity.novel, entity.unshaped, entity.lately, _opened(entity), shapes,
    )  # fmt: skip


def _opened(entity: Entity) -> Opened | None:
    if entity.case is None:
        return None
    numbers = {shape: number for number, shape in enumerate(entity.shapes)}

    def reasons(terms: Iterable[Term]) -> list[Reason]:
        return [
            Reason(numbers[each.shape], each.nats, each.said, each.knowing, each.count, each.usual)
            for each in terms
            if each.shape in numbers  # or a verdict has just made it forgotten
        ]

    return Opened(reasons(entity.case.new), reasons(entity.case.bursts.values()), entity.case.told)


def _enter(writer: Writer, writers: Writers, commons: list[Common], window: int) -> list[Shape]:
    """Add an entity; the shapes that it wrote in the window of the snapshot."""
    group = writers.group(writer.group)
    entity = writers.add(
        Entity(writer.name, writer.realm, group, writer.first, writer.cluster, writer.met, writer.seen)
    )
    for name in ("aged", "n", "m", "windows", "novel", "unshaped", "lately"):
        setattr(entity, name, getattr(writer, name))
    begun = []
    for each in writer.shapes:
        shape = Shape(entity, commons[each.common], each.first, each.words, each.place, each.born)
        writers.know(shape)
        shape.seen, shape.total, shape.squares = each.seen, each.total, each.squares
        shape.window = ELSEWHEN
        if each.count >= 0:
            shape.window, shape.count, shape.check = window, each.count, each.check
            begun.append(shape)
    entity.case = _case(writer.case, entity.shapes)
    return begun


def _case(opened: Opened | None, shapes: list[Shape]) -> Case | None:
    if opened is None:
        return None
    new, bursts = (
        [
            Term(shapes[each.shape], each.nats, each.said, each.knowing, each.count, each.usual)
            for each in reasons
        ]
        for reasons in (opened.new, opened.bursts)
    )
    return Case(new, {term.shape: term for term in bursts}, opened.told)
