"""Who writes lines, and which shapes of them: how often, since when; bounded, whoever floods it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from math import exp, log

from msgspec import Struct

from detectors._lines.templates import Template, Templates
from detectors._watch.clock import DAY, fade
from detectors._watch.counts import surprise

HALF_LIFE = 4 * DAY
STEP = 3600.0  # seconds; finer steps of decay would be the same
YOUNG = 6  # windows in which new shapes are no news
PSEUDO = 24.0  # windows that everybody's rate of new shapes is worth
RATE, RATE_WINDOWS = 0.05, 20.0  # of new shapes where nobody has been watched yet, and what that is worth
YOUNG_RATE = 1.0
BURST = 0.35  # what one new shape adds to the chance of the next (a Polya urn)
FADE = 0.6  # each further new shape of a window counts so much of the one before
MOST_NOVELTY = 9.0
UNSHARED = 1.0  # nats of a shape that nobody at all has written before
LEAST = 1e-3  # lines of a shape that never was
SCATTER = 0.5  # overdispersion where nothing is known: bursts are the rule
FIRST_LOOK = 8  # lines of a shape in a window before its count is looked at
MOST_GROUPS = 64


class Shape:
    """One shape of line as one entity writes it."""

    __slots__ = ("check", "count", "entity", "first", "seen", "squares", "template", "total", "window")

    def __init__(self, entity: Entity, template: Template, first: int) -> None:
        self.entity, self.template, self.first = entity, template, first
        self.window = -1
        self.count = 0
        self.check = FIRST_LOOK  # the count at which it is looked at, in this window
        self.total = self.squares = 0.0  # of counts, decayed
        self.seen = 0.0  # flow


@dataclass(slots=True)
class Group:
    """Peers. `n` and `m` decay: windows with something new, and active windows."""

    name: str
    members: int = 0
    aged: float = 0.0
    n: float = 0.0
    m: float = 0.0

    def age(self, flow: float) -> None:
        if flow - self.aged >= STEP:
            left, self.aged = fade(flow - self.aged, HALF_LIFE), flow
            self.n, self.m = self.n * left, self.m * left


class Term(Struct, frozen=True):
    """One reason: a new shape, or more lines of a shape than usual."""

    template: Template
    nats: float
    said: list[str]  # words of danger in the line
    knowing: int = 0  # others who know the shape
    count: int = 0  # lines in this window, of a burst
    usual: float = 0.0  # lines in a window


@dataclass(slots=True)
class Case:
    """What was unusual in this window."""

    new: list[Term] = field(default_factory=list)
    bursts: dict[int, Term] = field(default_factory=dict)  # by template
    told: float = 0.0

    @property
    def score(self) -> float:
        """New shapes add up; of bursts the largest counts."""
        burst = max((term.nats for term in self.bursts.values()), default=0.0)
        return sum(term.nats for term in self.new) + burst

    @property
    def terms(self) -> list[Term]:
        return sorted([*self.new, *self.bursts.values()], key=lambda term: -term.nats)


@dataclass(slots=True)
class Entity:
    """One who writes lines."""

    entity: str
    realm: str
    group: Group
    first: int  # minute, since the epoch
    shapes: dict[int, Shape] = field(default_factory=dict)  # by template
    aged: float = 0.0
    n: float = 0.0
    m: float = 0.0
    windows: int = 0  # active ones, ever
    case: Case | None = None
    novel: bool = False  # something was new in this window
    unshaped: int = 0  # lines of this window whose shape could not be kept
    risk: int = 0

    @property
    def name(self) -> str:
        return f"{self.realm}/{self.entity}"

    @property
    def groups(self) -> tuple[Group, ...]:
        return (self.group,)

    @property
    def young(self) -> bool:
        return self.windows < YOUNG

    def age(self, flow: float) -> None:
        """Let the counts decay up to now."""
        self.group.age(flow)
        if flow - self.aged < STEP:
            return
        left, self.aged = fade(flow - self.aged, HALF_LIFE), flow
        self.n, self.m = self.n * left, self.m * left
        for shape in self.shapes.values():
            shape.total *= left
            shape.squares *= left

    def close(self) -> None:
        """One more active window, with or without something new."""
        self.m += 1.0
        self.n += self.novel
        self.group.m += 1.0
        self.group.n += self.novel
        self.windows += 1
        self.case, self.novel, self.unshaped = None, False, 0


def novelty(entity: Entity, earlier: int, knowing: int, members: int) -> float:
    """Nats of a shape that is new to an entity, the `earlier`-th (from 0) of its window; `knowing` of `members` know it.

    -ln of the chance that something new comes (Good-Turing: the share of windows that brought something new predicts
    the next, shrunk to the group's), and more where nobody knows it, less where most do.
    """
    group = entity.group
    peers = (group.n + RATE * RATE_WINDOWS) / (group.m + RATE_WINDOWS)
    rate = (entity.n + PSEUDO * peers) / (entity.m + PSEUDO)
    chance = 1.0 - exp(-max(rate, YOUNG_RATE) if entity.young else -rate)
    chance = (chance + BURST * earlier) / (1.0 + BURST * earlier)
    shared = -log((knowing + 0.3) / (members + 1.0)) / 2 if knowing else UNSHARED
    return float(min(MOST_NOVELTY, -log(chance) + min(UNSHARED, shared) - 2.0 * knowing / (members + 1.0)))


def burst(shape: Shape) -> tuple[float, float]:
    """Nats of so many lines of one shape in a window, and how many are usual: the tail of a negative binomial by the
    mean and variance of past windows, as if there had been a few more with the little that is sure of anybody."""
    windows = shape.entity.m
    mean = (shape.total + LEAST) / (windows + 1.0)
    excess = SCATTER
    if windows >= 1.0 and shape.total > 0.0:
        own = shape.total / windows
        excess = min(50.0, max(0.0, (shape.squares / windows - own * own - own) / (own * own)))
    scatter = max(0.05, (windows * excess + PSEUDO * SCATTER) / (windows + PSEUDO))
    return surprise(shape.count, max(mean, 0.2), scatter), mean


def learn(shape: Shape) -> None:
    """The window's count becomes part of what is usual: at most ten times the mean and ten, so that no flood does."""
    windows = shape.entity.m
    mean = shape.total / windows if windows else 0.0
    kept = float(shape.count) if shape.entity.young else min(float(shape.count), 10.0 * mean + 10.0)
    shape.total += kept
    shape.squares += kept * kept


class Writers:
    """All entities of all formats, and who knows which shape."""

    def __init__(self, most: int, templates: int, each: int) -> None:
        self.most, self.each = most, each
        self.templates = Templates(templates, each)
        self.entities: OrderedDict[str, Entity] = OrderedDict()  # the longest unseen first
        self.groups: dict[str, Group] = {}
        self.dropped = 0  # entities, ever
        self.knowing: dict[int, int] = {}  # template -> how many entities know it

    def entity(self, realm: str, name: str, group: str, minute: int) -> Entity:
        """The entity of that name; where there are too many, the longest unseen makes room."""
        whole = f"{realm}/{name}"
        found = self.entities.get(whole)
        if found is None:
            while len(self.entities) >= self.most:
                self.drop(next(iter(self.entities)))
            found = self.entities[whole] = Entity(name, realm, self.group(group), minute)
            found.group.members += 1
        return found

    def group(self, name: str) -> Group:
        if name not in self.groups and len(self.groups) >= MOST_GROUPS:
            name = "other"
        return self.groups.setdefault(name, Group(name))

    def know(self, entity: Entity, template: Template, minute: int) -> Shape:
        """The entity knows the shape from now on."""
        shape = entity.shapes[template.id] = Shape(entity, template, minute)
        self.knowing[template.id] = self.knowing.get(template.id, 0) + 1
        return shape

    def forget(self, entity: Entity, shapes: list[Shape]) -> None:
        """The entity no longer knows these; what nobody knows is no shape any more."""
        gone = set()
        for shape in shapes:
            id = shape.template.id
            del entity.shapes[id]
            self.knowing[id] -= 1
            if not self.knowing[id]:
                del self.knowing[id]
                gone.add(id)
        if gone:
            self.templates.forget(gone)

    def trim(self, entity: Entity, crowded: bool) -> None:
        """Where an entity knows too many shapes, or was refused new ones, forget what it has not written for longest,
        until an eighth of what it may know is free."""
        if crowded or len(entity.shapes) > self.each:
            oldest = sorted(entity.shapes.values(), key=lambda shape: shape.seen)
            self.forget(entity, oldest[: max(0, len(oldest) - self.each) + self.each // 8])

    def make_room(self) -> None:
        """Where there are nearly too many shapes, forget those that nobody has written for longest."""
        if len(self.templates.by_id) < 0.95 * self.templates.most:
            return
        shapes = sorted(
            (shape for entity in self.entities.values() for shape in entity.shapes.values()),
            key=lambda shape: shape.seen,
        )
        for shape in shapes[: len(shapes) // 8]:
            self.forget(shape.entity, [shape])

    def drop(self, name: str) -> None:
        """Forget an entity whole."""
        entity = self.entities.pop(name)
        self.dropped += 1
        entity.group.members -= 1
        self.forget(entity, list(entity.shapes.values()))
