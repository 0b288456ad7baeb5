"""Detectors that watch actors: alone, or several that look together, at the price of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from detectors._watch import snapshot, telling
from detectors._watch.actors import Actor
from detectors._watch.aspects import ASPECTS
from detectors._watch.budget import Budget, Everything, Offer
from detectors._watch.case import Case
from detectors._watch.verdicts import scope_of
from detectors._watch.watch import Options, Watch
from detectors._watch.weighing import Way
from event_model.alert import Match
from event_model.behaviour import Behaviour, Verdict
from event_model.event import Event

ACTORS = "actors"  # what a crew is called
DEFAULTS = Options()
N = 3.0  # alerts a day by which a budget without an end is counted


class Crew:
    """Detectors by name that share one watch: what is remembered of actors, and the look at every event."""

    def __init__(self, members: Mapping[str, Watcher], options: Options = DEFAULTS) -> None:
        self.members = dict(members)
        self._look_through(Watch(options, members.values()))

    def attach(self, behaviour_of: Callable[[str], Behaviour | None]) -> None:
        self.watch.behaviour_of = behaviour_of

    def inspect(self, events: list[Event]) -> list[Match]:
        self.watch.look(events)
        return [match for member in self.members.values() for match in member.told()]

    def retell(self, match: Match, event: Event) -> Match:
        return msgspec.structs.replace(match, events=(*match.events[:-1], event))

    def snapshot(self) -> bytes:
        return snapshot.pack(self.watch, {name: each.budget for name, each in self.members.items()})

    def restore(self, data: bytes) -> None:
        watch = Watch(self.watch.options, self.members.values())
        budgets = {name: each.empty_budget() for name, each in self.members.items()}
        snapshot.unpack(data, watch, budgets)
        watch.behaviour_of = self.watch.behaviour_of
        self._look_through(watch)
        for name, budget in budgets.items():
            self.members[name].spend(budget)

    def usual(self, entity: str, cluster: str | None = None) -> dict[str, Any] | None:
        known = telling.seen_last(self.watch.named(entity), cluster)
        return known and telling.usual(known[0], self.watch.clock) | {"also_in": known[1]}

    def standing(self) -> dict[str, dict[str, float]]:
        flow = self.watch.clock.flow
        learning = {"learning": float(flow < telling.LEARNING)}
        members = {name: learning | telling.spent(each.budget, flow) for name, each in self.members.items()}
        return {"": telling.standing(self.watch), **members}

    def judge(self, verdict: Verdict) -> None:
        watch = self.watch
        if not watch.verdicts.take(verdict, watch.clock.minute) or verdict.benign:
            return
        for actor in watch.within(scope_of(verdict)):
            for member in self.members.values():
                member.budget.attack(actor.name)
            for aspect, facet in enumerate(ASPECTS):
                if verdict.facet in (facet.name, None):
                    known = list(actor.known[aspect]) if verdict.value is None else [verdict.value]
                    for value in known:
                        actor.realm.forget(actor, aspect, value)
        watch.forget_ways()

    def _look_through(self, watch: Watch) -> None:
        self.watch = watch
        for member in self.members.values():
            member.watch = watch


class Watcher(Crew):
    """One such detector, a crew of its own; its options are the fields of the dataclass that extends it."""

    alerts_a_day: float
    most_a_day: float
    budgets: dict[str, float]
    floor: float
    is_counting = False  # of Judge
    tells_high = True  # of Budget

    def __post_init__(self) -> None:
        self.budget = self.empty_budget()
        self.offers: Offer = self.budget if self.alerts_a_day else Everything(self.floor)
        self._matches: list[Match] = []
        super().__init__({type(self).__module__.rpartition(".")[2]: self})

    def empty_budget(self) -> Budget:
        return Budget(self.alerts_a_day or N, self.most_a_day, self.floor, self.budgets, self.tells_high)

    def spend(self, budget: Budget) -> None:
        """Go on with another budget, where one decides what is told."""
        if self.offers is self.budget:
            self.offers = budget
        self.budget = budget

    def tell(self, match: Match) -> None:
        self._matches.append(match)

    def told(self) -> list[Match]:
        """What there is to tell since the last call."""
        matches, self._matches = self._matches, []
        return matches

    # Judge: a detector has some of these

    def grew(self, actor: Actor, case: Case, event: Event) -> None:
        pass

    def busy(self, way: Way, event: Event) -> None:
        pass

    def closed(self, active: list[Actor]) -> None:
        self.budget.renew(self.watch.clock.flow)


def crew(detectors: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """The detectors, with those that watch actors as one: `actors`."""
    members = {name: each for name, each in detectors.items() if isinstance(each, Watcher)}
    others = {name: each for name, each in detectors.items() if name not in members}
    return {ACTORS: Crew(members, options), **others} if members else others
