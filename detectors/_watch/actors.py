"""Who is watched, and what is remembered of each: bounded, whoever floods it.

Counts that decay (`m`, `n`, `hours`, of tallies `total` and `squares`) are sums of the weights of their times: see
`Clock.weight`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from detectors._watch.aspects import WIDTH
from detectors._watch.clock import fade
from detectors._watch.lately import CARRIED, Lately
from detectors._watch.peers import Key, key_of

MOST_KINDS = 100  # of acts, of one actor
MOST_GROUP_KINDS = 200
YOUNG = 6  # active windows in which an actor is held to be young

SEPARATOR = "\x1f"  # of realm, cluster and actor in the name under which an actor is kept

Known = list[dict[str, int]]  # for each aspect: value -> day (of the stream) when it was seen last


def no_values() -> Known:
    return [{} for _ in range(WIDTH)]


def zeros() -> list[float]:
    return [0.0] * WIDTH


@dataclass(slots=True, eq=False)
class Tally:
    """How often an actor does one kind of thing in a window: for this window, and what is usual."""

    actor: Actor
    kind: str
    window: int = -1
    count: int = 0
    check: int = 0  # the count at which it is looked at again, in this window
    hour: int = -1  # of the day, in which a window's first look
    first: int = 0  # is at this count
    peers: tuple[list[float], ...] = ()  # [total, squares] of the kind, of each of the actor's groups
    total: float = 0.0  # of counts
    squares: float = 0.0
    hours: dict[int, float] = field(default_factory=dict)  # hour of the day -> of counts

    def __post_init__(self) -> None:
        self.peers = tuple(group.tallies.setdefault(self.kind, [0.0, 0.0]) for group in self.actor.groups)


@dataclass(slots=True, eq=False)
class Actor:
    """One actor. `n` are its novelties by aspect, `m` its active windows."""

    name: str
    realm: Realm
    group: Group
    first: int  # minute, since the epoch
    met: float = 0.0  # flow, the same
    seen: float = 0.0  # flow, the last time
    windows: int = 0  # active ones, ever
    m: float = 0.0
    n: list[float] = field(default_factory=zeros)
    known: Known = field(default_factory=no_values)
    size: int = 0  # values in `known`
    hours: list[float] = field(default_factory=lambda: [0.0] * 24)  # active windows by hour of the day
    tallies: dict[str, Tally] = field(default_factory=dict)
    carried: float = 0.0  # evidence of the past hours, decayed
    gathered: float = 0.0  # flow to which `carried` has decayed
    weighed: int = 0  # windows over which `usual` was taken
    usual: float = 0.0  # evidence of an active window, decayed mean
    peak: float = 0.0  # the highest that `carried` was on a past day, decaying
    today: tuple[int, float] = (0, 0.0)  # day, the highest that `carried` was on it
    groups: tuple[Group, ...] = ()  # its group, and the one above
    lately: Lately = field(default_factory=Lately)
    case: Any = None  # what is new in this window (case.Case)

    def __post_init__(self) -> None:
        above = self.group.parent
        self.groups = (self.group,) if above is None else (self.group, above)

    def scale(self, by: float) -> None:
        """Count in another unit."""
        self.m *= by
        self.n = [each * by for each in self.n]
        self.hours = [each * by for each in self.hours]
        for tally in self.tallies.values():
            tally.total *= by
            tally.squares *= by
            tally.hours = {hour: each * by for hour, each in tally.hours.items()}

    def has_room(self, kind: str) -> bool:
        """Whether acts of the kind may be counted by themselves: records name kinds, and need not end doing so."""
        return len(self.tallies) < MOST_KINDS and all(
            kind in group.tallies or len(group.tallies) < MOST_GROUP_KINDS for group in self.groups
        )

    def carries(self, flow: float) -> float:
        """The evidence of the past hours that is left now."""
        return self.carried * fade(flow - self.gathered, CARRIED)

    @property
    def cluster(self) -> str:
        return self.name.split(SEPARATOR, 2)[1]

    @property
    def entity(self) -> str:
        """Its name, as people know it."""
        return self.name.split(SEPARATOR, 2)[2]

    @property
    def young(self) -> bool:
        return self.windows < YOUNG


@dataclass(slots=True, eq=False)
class Group:
    """Peers: how often they meet something new, how many know a value, how often they do each kind of thing."""

    key: Key
    parent: Group | None = None  # `people` of `people/sre`: who stands in for peers where there are few
    members: int = 0
    m: float = 0.0
    n: list[float] = field(default_factory=zeros)
    young_m: float = 0.0
    young_n: list[float] = field(default_factory=zeros)
    unseen: list[float] = field(default_factory=zeros)  # novelties that were new to everybody
    known: Known = field(default_factory=no_values)  # value -> how many members know it
    hours: list[float] = field(default_factory=lambda: [0.0] * 24)
    tallies: dict[str, list[float]] = field(default_factory=dict)  # kind -> [total, squares]

    @property
    def name(self) -> str:
        return self.key[1]

    def scale(self, by: float) -> None:
        """Count in another unit."""
        self.m *= by
        self.young_m *= by
        self.n = [each * by for each in self.n]
        self.young_n = [each * by for each in self.young_n]
        self.unseen = [each * by for each in self.unseen]
        self.hours = [each * by for each in self.hours]
        for pair in self.tallies.values():
            pair[:] = [each * by for each in pair]


@dataclass(slots=True)
class Realm:
    """All actors of one kind of source, and who knows which value."""

    name: str
    groups: dict[Key, Group] = field(default_factory=dict)
    members: int = 0
    size: int = 0  # values that its actors know
    known: Known = field(default_factory=no_values)  # value -> how many actors know it

    def group(self, key: Key) -> Group:
        """The group of that key, made with the one above it where its name is `ABOVE/BELOW`."""
        found = self.groups.get(key)
        if found is None:
            cluster, name = key
            above, _, below = name.partition("/")
            parent = self.groups.setdefault((cluster, above), Group((cluster, above)))
            found = self.groups.setdefault(key, Group(key, parent)) if below else parent
        return found

    def peers(self, cluster: str, name: str) -> Group:
        """The group of that name on a cluster, or the one for all others."""
        return self.group(key_of(self.groups, cluster, name))

    def learn(self, actor: Actor, aspect: int, value: str, day: int) -> None:
        """The actor knows the value from now on, and counts among those who do."""
        if value in actor.known[aspect]:
            return
        actor.known[aspect][value] = day
        actor.size += 1
        self.size += 1
        for known in (*(group.known[aspect] for group in actor.groups), self.known[aspect]):
            known[value] = known.get(value, 0) + 1

    def forget(self, actor: Actor, aspect: int, value: str) -> None:
        """The actor no longer knows the value."""
        if actor.known[aspect].pop(value, None) is None:
            return
        actor.size -= 1
        self.size -= 1
        for known in (*(group.known[aspect] for group in actor.groups), self.known[aspect]):
            left = known.get(value, 0) - 1
            if left > 0:
                known[value] = left
            else:
                known.pop(value, None)

    def trim(self, actor: Actor, most: int) -> None:
        """Forget what this actor has not shown for longest, until an eighth of `most` is free again."""
        if actor.size <= most:
            return
        dated = [
            (day, aspect, value) for aspect, each in enumerate(actor.known) for value, day in each.items()
        ]
        dated.sort()
        for _, aspect, value in dated[: actor.size - most + most // 8]:
            self.forget(actor, aspect, value)

    def drop(self, actor: Actor) -> None:
        """Forget an actor whole."""
        for aspect, each in enumerate(actor.known):
            for value in list(each):
                self.forget(actor, aspect, value)
        for group in actor.groups:
            group.members -= 1
        self.members -= 1
