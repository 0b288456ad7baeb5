"""One who writes lines, and which shapes of them: how often, since when, and what is unlike that."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import exp, log

from msgspec import Struct

from detectors._lines.commons import Common
from detectors._lines.templates import Place, Template, Tree
from detectors._watch.actors import SEPARATOR
from detectors._watch.clock import DAY, fade
from detectors._watch.counts import surprise
from detectors._watch.lately import Lately
from detectors._watch.peers import Key

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
FIRSTS = 32  # first words of lines of one length; more are names
NEW, ELSEWHEN, GONE = (
    -1,
    -2,
    -3,
)  # a shape that is in no window: it has not been looked at, is in an earlier one, or forgotten


class Shape(Template):
    """One shape of line as one entity writes it."""

    __slots__ = ("check", "common", "count", "entity", "first", "seen", "squares", "total", "window")

    def __init__(
        self, entity: Entity, common: Common, first: int, words: list[str], place: Place, born: int = 0
    ) -> None:
        super().__init__(words, place, born)
        self.entity, self.common, self.first = entity, common, first
        self.window = NEW
        self.count = 0
        self.check = FIRST_LOOK  # the count at which it is looked at, in this window
        self.total = self.squares = 0.0  # of counts, decayed
        self.seen = 0.0  # flow


@dataclass(slots=True)
class Group:
    """Peers. `n` and `m` decay: windows with something new, and active windows."""

    key: Key
    members: int = 0
    aged: float = 0.0
    n: float = 0.0
    m: float = 0.0

    @property
    def name(self) -> str:
        return self.key[1]

    def age(self, flow: float) -> None:
        if flow - self.aged >= STEP:
            left, self.aged = fade(flow - self.aged, HALF_LIFE), flow
            self.n, self.m = self.n * left, self.m * left


class Term(Struct, frozen=True):
    """One reason: a new shape, or more lines of a shape than usual."""

    shape: Shape
    nats: float
    said: list[str]  # words of danger in the line
    knowing: int = 0  # others who write it
    count: int = 0  # lines in this window, of a burst
    usual: float = 0.0  # lines in a window


@dataclass(slots=True)
class Case:
    """What was unusual in this window."""

    new: list[Term] = field(default_factory=list)
    bursts: dict[Shape, Term] = field(default_factory=dict)
    told: float = 0.0

    @property
    def score(self) -> float:
        """New shapes add up; of bursts the largest counts."""
        burst = max((term.nats for term in self.bursts.values()), default=0.0)
        return sum(term.nats for term in self.new) + burst

    @property
    def terms(self) -> list[Term]:
        return sorted([*self.new, *self.bursts.values()], key=lambda term: -term.nats)


@dataclass(slots=True, eq=False)
class Entity:
    """One who writes lines. Its shapes come of its own lines alone."""

    entity: str
    realm: str
    group: Group
    first: int  # minute, since the epoch
    cluster: str = ""  # where it is
    met: float = 0.0  # flow, when it was met
    seen: float = 0.0  # flow, when it was active last
    shapes: list[Shape] = field(default_factory=list)
    tree: Tree[Shape] = field(default_factory=lambda: Tree(FIRSTS))  # of the same
    commons: Counter[Common] = field(
        default_factory=Counter
    )  # what they have in common with others' -> how many
    aged: float = 0.0
    n: float = 0.0
    m: float = 0.0
    windows: int = 0  # active ones, ever
    case: Case | None = None
    novel: bool = False  # something was new in this window
    unshaped: int = 0  # lines of this window whose shape could not be kept
    lately: Lately = field(default_factory=Lately)

    @property
    def name(self) -> str:
        return SEPARATOR.join((self.realm, self.cluster, self.entity))

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
        for shape in self.shapes:
            shape.total *= left
            shape.squares *= left

    def close(self, flow: float) -> None:
        """One more active window, with or without something new."""
        self.seen = flow
        self.m += 1.0
        self.n += self.novel
        if not self.young:  # to whom all is new says nothing of what comes to its peers
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
