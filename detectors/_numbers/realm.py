"""The entities of one format, what is usual for them, and the model of how unlike each other their windows are."""

from __future__ import annotations

from collections.abc import Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from detectors._numbers.forest import Model
from detectors._numbers.usual import KEPT, POOLED, Habit, Rows, Sample, settle
from detectors._numbers.window import Read, Shape, Window
from detectors._watch.actors import SEPARATOR
from detectors._watch.clock import Clock
from detectors._watch.crowd import WITHIN_WINDOW, least_known
from detectors._watch.lately import Lately
from detectors._watch.peers import Key, key_of
from event_model.behaviour import Facets

REFERENCE = 8192  # rows of all entities, to be unlike of
RENEWED = 14  # entities up to which each row is taken: then 8192 rows are those of two days or more
FITTED = 4096  # rows of these that a model is fitted on
FIRST_FIT = 256  # rows before there is a model
REFIT = 2048  # new rows after which the model is fitted again
MOST_WAYS = 50_000

_fitting = ThreadPoolExecutor(1, "fit")  # the stream goes on meanwhile


@dataclass(slots=True)
class Group:
    """Peers."""

    key: Key
    habit: Habit

    @property
    def name(self) -> str:
        return self.key[1]


@dataclass(slots=True, eq=False)
class Entity:
    """One whose windows are judged."""

    entity: str
    group: Group
    habit: Habit
    first: int  # minute, since the epoch
    cluster: str = ""  # where it is
    seen: float = 0.0  # flow, when it was active last
    window: Window | None = None
    told: dict[str, int] = field(
        default_factory=dict
    )  # column that was told of -> windows since it was unusual
    lately: Lately = field(default_factory=Lately)

    @property
    def groups(self) -> tuple[Group, ...]:
        return (self.group,)

    @property
    def name(self) -> str:
        """Its own in its realm."""
        return SEPARATOR.join((self.cluster, self.entity))

    @property
    def windows(self) -> int:
        return self.habit.sample.seen


class Way:
    """What all events of one key have in common."""

    __slots__ = ("act", "entity", "failed", "kind")

    def __init__(self, entity: Entity, act: int, kind: int, failed: bool) -> None:
        self.entity, self.act, self.kind, self.failed = entity, act, kind, failed


class Realm:
    """All of one format."""

    def __init__(self, name: str, numbers: list[str], most: int) -> None:
        self.name, self.most = name, most
        self.shape = Shape(numbers)
        self.width = len(self.shape.columns)
        self.reads: list[Read] = []
        self.ways: dict[Hashable, Way | None] = {}
        self.groups: dict[Key, Group] = {}
        self.entities: dict[str, Entity] = {}
        self.active: dict[str, Entity] = {}  # in this window
        self.reference = Sample(name, REFERENCE, self.width)
        self.fresh = 0  # rows of the reference since the last fit
        self.model: Model | None = None
        self._next: Future[Model] | None = None
        self._next_rows: Rows | None = None

    def entity(self, cluster: str, facets: Facets, clock: Clock) -> Entity | None:
        """The entity of these facets, met now if it is new; None in a crowd, of which some go when the window closes."""
        found = self.entities.get(SEPARATOR.join((cluster, facets.actor)))
        if found is None and len(self.entities) < WITHIN_WINDOW * self.most:
            key = key_of(self.groups, cluster, facets.group)
            found = self.add(cluster, facets.actor, key, clock.minute, clock.flow)
        return found

    def add(self, cluster: str, name: str, group: Key, minute: int, flow: float) -> Entity:
        habit = Habit(name, KEPT, self.width)
        entity = Entity(name, self.group(group), habit, minute, cluster, flow)
        self.entities[entity.name] = entity
        return entity

    def group(self, key: Key) -> Group:
        """The group of that key, made if it is new."""
        if key not in self.groups:
            self.groups[key] = Group(key, Habit(f"{self.name}/{key[1]}", POOLED, self.width))
        return self.groups[key]

    def shed(self) -> None:
        """Forget the least known entities, where there are too many."""
        if len(self.entities) > self.most:
            for entity in least_known(self.entities.values(), self.most):
                del self.entities[entity.name]
                self.active.pop(entity.name, None)
            self.ways.clear()  # some lead to them

    def window(self, entity: Entity) -> Window:
        """A new window for an entity that has none."""
        self.active[entity.name] = entity
        entity.window = Window(self.shape.names)
        return entity.window

    def learn(self, entities: list[Entity], rows: Rows, unlike: Rows, sure: list[bool]) -> None:
        """Take closed windows into the habits of entities and peers, and the sure ones into the reference."""
        decay = max(1, len(self.entities) // RENEWED)
        for entity, row, far, is_sure in zip(entities, rows, unlike, sure, strict=True):
            entity.habit.sample.add(row)
            entity.group.habit.sample.add(row)
            if is_sure and self.reference.add(far, decay):
                self.fresh += 1
        settle(dict.fromkeys(each for entity in entities for each in (entity.habit, entity.group.habit)))

    def fit(self) -> None:
        """Take the model that is being fitted since the last window, and begin the next when enough is new.

        That it is taken exactly one window later, not when it is ready, makes a replay say the same.
        """
        if self._next is not None:
            fitted, self._next = self._next, None
            self.model = fitted.result()
        enough = FIRST_FIT if self.model is None else min(REFIT, len(self.model.rows))  # at first, it doubles
        if self.fresh >= enough:
            self.fresh = 0
            known = self.reference.known()
            step = max(1, len(known) // FITTED)
            self.begin(known[::step][:FITTED].copy())

    def begin(self, rows: Rows) -> None:
        self._next_rows = rows
        self._next = _fitting.submit(Model, rows)

    def pending(self) -> Rows | None:
        """The rows of a model that is being fitted."""
        return None if self._next is None else self._next_rows


def packed(rows: Rows) -> bytes:
    return rows.astype("<f4").tobytes()


def unpacked(data: bytes, width: int) -> Rows:
    """Rows of `packed`. Raises ValueError where they do not fit in columns of that number."""
    rows = np.frombuffer(data, "<f4")
    if len(rows) % width:
        raise ValueError("rows of another width")
    return rows.reshape(-1, width).astype(np.float32)
