"""Look at events by who acted: what was seen before costs one look-up, and windows close as time goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Protocol

from msgspec import Struct

from detectors._watch import counts, weighing
from detectors._watch.actors import SEPARATOR, Actor, Group, Realm, Tally
from detectors._watch.aspects import values_of
from detectors._watch.case import Case
from detectors._watch.clock import RUN, Clock, Hand
from detectors._watch.verdicts import Scope, Verdicts, scopes
from detectors._watch.weighing import Way
from event_model.behaviour import Behaviour, Facets
from event_model.event import Event, Origin

MOST_WAYS = 100_000  # remembered keys, of one origin
MOST_ORIGINS = 1000
LEAST = 3  # events of a kind in a window, before they are looked at as many
MOST_WEIGHT = 1e30  # of one count: more than a year of half-lives
NEVER = 1 << 62  # a count that is never reached


class Options(Struct, frozen=True):
    """Whom to watch."""

    groups: dict[str, str] = {}  # pattern of actors -> group, before what the format says
    priors: dict[str, float] = {}  # kind, or group/kind -> nats, before what the format says
    most: int = 20_000  # actors that are remembered
    values: int = 2_000_000  # that are remembered, of all actors
    values_each: int = 4096  # of one actor


class Judge(Protocol):
    """A detector, as the watch calls it."""

    is_counting: bool  # whether `busy` is called

    def grew(self, actor: Actor, case: Case, event: Event) -> None:
        """Somebody does something new: the event has added to the case."""
        ...

    def busy(self, way: Way, event: Event) -> None:
        """The count of the way's tally has reached its `check`; sets the next one."""
        ...

    def closed(self, active: list[Actor]) -> None:
        """A window ends; these were active in it. What is usual does not hold it yet."""
        ...


class Watch:
    """Who is watched, and the loop over events."""

    def __init__(self, options: Options, judges: Iterable[Judge]) -> None:
        self.options, self.judges = options, list(judges)
        self.counting = [judge for judge in self.judges if judge.is_counting]
        self.clock = Clock()
        self.verdicts = Verdicts()
        self.realms: dict[str, Realm] = {}
        self.actors: dict[str, Actor] = {}
        self.unread = 0  # events that a declaration could not read
        self.crowded = 0  # events of actors that there was no room for
        self.tallies: dict[int, list[Tally]] = {}  # active in this window, by the hour of the day
        self.ways: dict[tuple[str, str], dict[int, Way]] = {}
        self.behaviour_of: Callable[[str], Behaviour | None] = lambda _: None
        self._nobody = nobody()

    def look(self, events: list[Event]) -> None:
        """Look at events in order. Never raises for what an event holds."""
        clock, minute = self.clock, ""
        self._look_ahead(events[:RUN])
        window, hand, hour, day, tallies = self._place()
        check = LEAST if self.counting else NEVER
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
            if text != minute:
                if clock.turn(text):
                    minute = text
                if clock.window != window:
                    self.close()
                    hand = None
                if clock.hand is not hand:
                    window, hand, hour, day, tallies = self._place()
            if way is None:
                way = self._meet(event, behaviour, known, mark)
            elif way.day != day:
                way.seen(day)
            tally = way.tally
            if tally.window != window:
                tally.window, tally.count = window, 1
                tally.check = tally.first if tally.hour == hour else check
                tallies.append(tally)
            else:
                tally.count = count = tally.count + 1
                if count >= tally.check:
                    for judge in self.counting:
                        judge.busy(way, event)

    def close(self) -> None:
        """End the window: the detectors first, then what was seen in it becomes usual."""
        clock, weight, active = self.clock, self.clock.weight, dict[Actor, int]()
        for hour, tallies in self.tallies.items():
            for tally in tallies:
                active.setdefault(tally.actor, hour)
        for judge in self.judges:
            judge.closed(list(active))
        for hour, tallies in self.tallies.items():
            counts.learn(tallies, weight, hour)
        for actor in active:
            actor.seen = clock.flow
            if actor.case is not None:
                weighing.learn(actor, actor.case, self.verdicts, clock, self.options.values_each)
                actor.case = None
        counts.passed(active, weight)
        self.tallies = {}
        if weight > MOST_WEIGHT:
            self.rescale()
        self._shed()

    def _look_ahead(self, events: list[Event]) -> None:
        """Turn to the time of the events that come next, if that is another; ends the window with it."""
        window, texts = self.clock.window, list[str]()
        origin: Origin | None = None
        behaviour: Behaviour | None = None
        for event in events:
            if event.origin is not origin:
                origin = event.origin
                behaviour, _ = self._declared(origin)
            if behaviour is not None:
                try:
                    texts.append(behaviour.time(event)[:16])
                except Exception:  # as in the loop, which counts it
                    continue
        self.clock.look_ahead(texts)
        if self.clock.window != window:
            self.close()

    def _place(self) -> tuple[int, Hand | None, int, int, list[Tally]]:
        """Where the clock stands: window, hand, hour, day, and who began to act in this window at this hour."""
        clock = self.clock
        self._nobody.tally.window = clock.window
        return clock.window, clock.hand, clock.hour, clock.day, self.tallies.setdefault(clock.hour, [])

    def rescale(self) -> None:
        """Count in a unit that weighs 1 now, before numbers grow out of bounds."""
        by, self.clock.base = 1.0 / self.clock.weight, self.clock.flow
        for actor in self.actors.values():
            actor.scale(by)
        for realm in self.realms.values():
            for group in realm.groups.values():
                group.scale(by)

    def forget_ways(self) -> None:
        """Look at everything anew: something that was known is known no longer."""
        for known in self.ways.values():
            known.clear()

    def within(self, scope: Scope) -> list[Actor]:
        """The actors of a scope."""
        return [each for each in self.actors.values() if scope in scopes(each)]

    def named(self, entity: str) -> list[Actor]:
        """The actors of that name, of all clusters."""
        return [each for each in self.actors.values() if each.entity == entity]

    def _declared(self, origin: Origin) -> tuple[Behaviour | None, dict[int, Way]]:
        name = (origin.format, origin.cluster)
        if name not in self.ways and len(self.ways) >= MOST_ORIGINS:
            self.ways.clear()
        return self.behaviour_of(origin.format), self.ways.setdefault(name, {})

    def _meet(self, event: Event, behaviour: Behaviour, known: dict[int, Way], mark: int) -> Way:
        try:
            facets = behaviour.facets(event)
        except Exception:  # as above
            self.unread += 1
            facets = None
        way = self._nobody if facets is None else self._way(event.origin, behaviour, facets)
        if facets is None or (way is not self._nobody and self._met(way, event)):
            if len(known) >= MOST_WAYS:
                known.clear()
            known[mark] = way
        return way

    def _met(self, way: Way, event: Event) -> bool:
        """Somebody acts in a way not seen lately. Whether it may be remembered, so as not to be looked at again."""
        actor, clock = way.actor, self.clock
        fresh = way.seen(clock.day)
        if fresh and weighing.weigh(way, event, fresh, self.verdicts, clock.weight, clock.minute):
            for judge in self.judges:
                judge.grew(actor, actor.case, event)
        return not fresh or not self.verdicts.unlearned

    def _way(self, origin: Origin, behaviour: Behaviour, facets: Facets) -> Way:
        realm = behaviour.realm or origin.format
        name = SEPARATOR.join((realm, origin.cluster, facets.actor))
        actor = self.actors.get(name)
        if actor is None:
            if (
                len(self.actors) >= 2 * self.options.most
            ):  # a crowd within one window: looked at after its close
                self.crowded += 1
                return self._nobody
            actor = self._actor(name, realm, origin.cluster, facets)
        tally = actor.tallies.get(facets.kind)
        if tally is None:
            kind = facets.kind if actor.has_room(facets.kind) else "other"
            tally = actor.tallies.setdefault(kind, Tally(actor, kind))
        return Way(
            actor, facets, values_of(facets), tally, self._prior(behaviour, actor.group.name, facets.kind)
        )

    def _prior(self, behaviour: Behaviour, group: str, kind: str) -> float:
        for table in (self.options.priors, behaviour.priors()):
            for name in (f"{group}/{kind}", f"{group.partition('/')[0]}/{kind}", kind):
                if name in table:
                    return table[name]
        return 0.0

    def _actor(self, name: str, realm_name: str, cluster: str, facets: Facets) -> Actor:
        realm = self.realms.setdefault(realm_name, Realm(realm_name))
        group = realm.peers(cluster, self._group(facets))
        actor = self.actors[name] = Actor(
            name, realm, group, self.clock.minute, self.clock.flow, self.clock.flow
        )
        for each in actor.groups:
            each.members += 1
        realm.members += 1
        return actor

    def _group(self, facets: Facets) -> str:
        found = (
            group for pattern, group in self.options.groups.items() if fnmatchcase(facets.actor, pattern)
        )
        return next(found, facets.group)

    def _shed(self) -> None:
        """Forget the longest unseen where there are too many: of the biggest group, so that strangers oust strangers."""
        shed = False
        while (
            len(self.actors) > self.options.most
            or sum(r.size for r in self.realms.values()) > self.options.values
        ):
            sizes: dict[Group, int] = {}
            for actor in self.actors.values():
                sizes[actor.group] = sizes.get(actor.group, 0) + 1 + actor.size
            biggest = max(sizes, key=sizes.__getitem__)
            unseen = sorted(
                (each for each in self.actors.values() if each.group is biggest), key=lambda each: each.seen
            )
            over = max(0, len(self.actors) - self.options.most)
            for actor in unseen[: over + len(unseen) // 8 + 1]:
                actor.realm.drop(actor)
                del self.actors[actor.name]
            shed = True
        if shed:
            self._shed_kinds()
            self.forget_ways()

    def _shed_kinds(self) -> None:
        """Forget how often groups do what none of their members does."""
        done = {group: set[str]() for realm in self.realms.values() for group in realm.groups.values()}
        for actor in self.actors.values():
            for group in actor.groups:
                done[group].update(actor.tallies)
        for group, kinds in done.items():
            for kind in group.tallies.keys() - kinds:
                del group.tallies[kind]


def nobody() -> Way:
    """The way of events that tell of nobody's behaviour."""
    group = Group(("", ""))
    actor = Actor("", Realm(""), group, 0)
    way = Way(actor, Facets("", "", "", ""), (), Tally(actor, "", check=NEVER), 0.0)
    return way
