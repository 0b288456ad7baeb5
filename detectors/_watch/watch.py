"""Look at events by who acted: what was seen before costs one look-up, and windows close as time goes on."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Protocol

from detectors._watch import counts
from detectors._watch.actors import SEPARATOR, Actor, Group, Realm, Tally
from detectors._watch.aspects import Values, values_of
from detectors._watch.clock import Clock
from event_model.behaviour import Behaviour, Facets
from event_model.event import Event, Origin

MOST_WAYS = 100_000  # remembered keys, of one origin
MOST_ORIGINS = 1000
MOST_GROUPS = 64  # of one realm
MOST_KINDS = 100  # of one actor
CLOSED = -1  # the window of a tally that is in none
NEVER = 1 << 62  # a count that is never reached


class Way:
    """One way to act: what all events of one key have in common."""

    __slots__ = ("actor", "day", "facets", "prior", "tally", "values")

    def __init__(self, actor: Actor, facets: Facets, values: Values, tally: Tally, prior: float) -> None:
        self.actor, self.facets, self.values, self.tally, self.prior = actor, facets, values, tally, prior
        self.day = -1  # of the stream, when it was seen last


class Judge(Protocol):
    """The detector that watches."""

    def met(self, way: Way, event: Event) -> bool:
        """Somebody acts in a way not seen lately. Whether it may be remembered, so as not to be asked again."""
        ...

    def busy(self, way: Way, event: Event) -> None:
        """The count of the way's tally has reached its `check`."""
        ...

    def closed(self, active: list[Actor], tallies: list[Tally]) -> None:
        """A window ends; these were active in it. What is usual does not hold it yet."""
        ...


class Watch:
    """Who is watched, and the loop over events."""

    def __init__(
        self,
        most_actors: int,
        most_values: int,
        groups: dict[str, str],
        priors: dict[str, float],
        check: int = NEVER,
    ) -> None:
        self.clock = Clock()
        self.realms: dict[str, Realm] = {}
        self.actors: dict[str, Actor] = {}
        self.most_actors, self.most_values = most_actors, most_values
        self.groups = groups  # pattern of actors -> group, before what the format says
        self.priors = priors  # kind, or group/kind -> nats, before what the format says
        self.check = check
        self.unread = 0  # events that a declaration could not read
        self.crowded = 0  # events of actors that there was no room for
        self.tallies: list[Tally] = []  # active in this window
        self.ways: dict[tuple[str, str], dict[int, Way]] = {}
        self.behaviour_of: Callable[[str], Behaviour | None] = lambda _: None
        self._nobody = nobody()

    def look(self, events: list[Event], judge: Judge) -> None:
        """Look at events in order. Never raises for what an event holds."""
        clock, window, minute = self.clock, self.clock.window, ""
        check, tallies = self.check, self.tallies
        self._nobody.tally.window = window
        origin: Origin | None = None
        behaviour: Behaviour | None = None
        known: dict[int, Way] = {}
        for event in events:
            if event.origin is not origin:
                origin = event.origin
                behaviour, known = self._declared(origin)
                if behaviour is not None:
                    key_of, time_of = behaviour.key, behaviour.time
            if behaviour is None:
                continue
            try:
                key = key_of(event)
                if key is None:
                    continue
                text = time_of(event)[:16]
                # the hash alone, which Python keys anew in each process: comparing the parts of thousands of keys would
                # reach all over the memory
                mark = hash(key)
                way = known.get(mark)
            except Exception:  # a declaration meets what nobody thought of: counted, and the stream goes on
                self.unread += 1
                continue
            if text != minute and clock.turn(text):
                minute = text
                if clock.window != window:
                    self.close(judge)
                    window, tallies = clock.window, self.tallies
                    self._nobody.tally.window = window
            if way is None:
                way = self._meet(event, behaviour, judge, known, mark)
            elif way.day != clock.day:
                self._seen(way)
            tally = way.tally
            if tally.window != window:
                tally.window, tally.count, tally.check = window, 1, check
                tallies.append(tally)
            else:
                tally.count = count = tally.count + 1
                if count >= tally.check:
                    judge.busy(way, event)

    def close(self, judge: Judge) -> None:
        """End the window: the detector first, then what was seen in it becomes usual."""
        active = list(dict.fromkeys(tally.actor for tally in self.tallies))
        flow = self.clock.flow
        for actor in active:
            actor.age(flow)
        for group in dict.fromkeys(group for actor in active for group in actor.groups):
            group.age(flow)
        judge.closed(active, self.tallies)
        hour = self.clock.hour
        for tally in self.tallies:
            counts.learn(tally, hour)
            tally.window = CLOSED  # a clock that is set back makes windows of the same number
        for actor in active:
            actor.seen = flow
            counts.passed(actor, hour)
        self.tallies = []
        self._shed()

    def forget_ways(self) -> None:
        """Look at everything anew: something that was known is known no longer."""
        for known in self.ways.values():
            known.clear()

    def named(self, scope: str) -> list[Actor]:
        """The actors of a scope: of that name, or all of `group:NAME`."""
        if scope.startswith("group:"):
            return [
                each for each in self.actors.values() if scope[6:] in [group.name for group in each.groups]
            ]
        return [each for each in self.actors.values() if each.entity == scope]

    def find(self, entity: str) -> Actor | None:
        """The actor of that name; of several clusters' the one seen last."""
        return max(self.named(entity), key=lambda actor: actor.seen, default=None)

    def realm_of(self, actor: Actor) -> Realm:
        return self.realms[actor.name.partition(SEPARATOR)[0]]

    def _declared(self, origin: Origin) -> tuple[Behaviour | None, dict[int, Way]]:
        name = (origin.format, origin.cluster)
        if name not in self.ways and len(self.ways) >= MOST_ORIGINS:
            self.ways.clear()
        return self.behaviour_of(origin.format), self.ways.setdefault(name, {})

    def _meet(
        self, event: Event, behaviour: Behaviour, judge: Judge, known: dict[int, Way], mark: int
    ) -> Way:
        try:
            facets = behaviour.facets(event)
        except Exception:  # as above
            self.unread += 1
            facets = None
        way = self._nobody if facets is None else self._way(event.origin, behaviour, facets)
        if facets is None or (way is not self._nobody and judge.met(way, event)):
            if len(known) >= MOST_WAYS:
                known.clear()
            known[mark] = way
            self._seen(way)
        return way

    def _way(self, origin: Origin, behaviour: Behaviour, facets: Facets) -> Way:
        realm = behaviour.realm or origin.format
        name = SEPARATOR.join((realm, origin.cluster, facets.actor))
        actor = self.actors.get(name)
        if actor is None:
            if (
                len(self.actors) >= 2 * self.most_actors
            ):  # a crowd within one window: looked at after its close
                self.crowded += 1
                return self._nobody
            actor = self._actor(name, realm, facets)
        tally = actor.tallies.get(facets.kind)
        if tally is None:
            kind = facets.kind if len(actor.tallies) < MOST_KINDS else "other"
            tally = actor.tallies.setdefault(kind, Tally(actor, kind))
        return Way(
            actor, facets, values_of(facets), tally, self._prior(behaviour, actor.group.name, facets.kind)
        )

    def _prior(self, behaviour: Behaviour, group: str, kind: str) -> float:
        for table in (self.priors, behaviour.priors()):
            for name in (f"{group}/{kind}", f"{group.partition('/')[0]}/{kind}", kind):
                if name in table:
                    return table[name]
        return 0.0

    def _actor(self, name: str, realm_name: str, facets: Facets) -> Actor:
        realm = self.realms.setdefault(realm_name, Realm(realm_name))
        group = realm.group(self._group(facets), MOST_GROUPS)
        actor = self.actors[name] = Actor(name, group, self.clock.minute)
        actor.aged = actor.seen = self.clock.flow
        for each in actor.groups:
            each.members += 1
        realm.members += 1
        return actor

    def _group(self, facets: Facets) -> str:
        found = (group for pattern, group in self.groups.items() if fnmatchcase(facets.actor, pattern))
        return next(found, facets.group)

    def _seen(self, way: Way) -> None:
        """The first event of this way on this day: its values are not forgotten."""
        way.day = self.clock.day
        for aspect, value in way.values:
            if value in way.actor.known[aspect]:
                way.actor.known[aspect][value] = way.day

    def _shed(self) -> None:
        """Forget the longest unseen where there are too many: of the biggest group, so that strangers oust strangers."""
        shed = False
        while (
            len(self.actors) > self.most_actors
            or sum(r.size for r in self.realms.values()) > self.most_values
        ):
            sizes: dict[Group, int] = {}
            for actor in self.actors.values():
                sizes[actor.group] = sizes.get(actor.group, 0) + 1 + actor.size
            biggest = max(sizes, key=sizes.__getitem__)
            unseen = sorted(
                (each for each in self.actors.values() if each.group is biggest), key=lambda each: each.seen
            )
            over = max(0, len(self.actors) - self.most_actors)
            for actor in unseen[: over + len(unseen) // 8 + 1]:
                self.realm_of(actor).drop(actor)
                del self.actors[actor.name]
            shed = True
        if shed:
            self.forget_ways()


def nobody() -> Way:
    """The way of events that tell of nobody's behaviour."""
    group = Group("")
    actor = Actor("", group, 0)
    way = Way(actor, Facets("", "", "", ""), (), Tally(actor, "", check=NEVER), 0.0)
    return way
