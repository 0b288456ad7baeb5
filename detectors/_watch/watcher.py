"""What the detectors that watch actors have in common: options become a watch and a budget, snapshots, feedback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from detectors._watch import snapshot, telling
from detectors._watch.actors import Actor, Tally
from detectors._watch.aspects import ASPECTS
from detectors._watch.budget import Budget, Everything, Offer
from detectors._watch.verdicts import Verdicts
from detectors._watch.watch import NEVER, Watch, Way
from event_model.alert import Match
from event_model.behaviour import Behaviour, Verdict
from event_model.event import Event

N = 3.0  # alerts a day by which a budget without an end is counted


class Watcher:
    """A detector over a Watch; its options are the fields of the dataclass that extends it."""

    alerts_a_day: float
    most_a_day: float
    budgets: dict[str, float]
    floor: float
    groups: dict[str, str]
    actors: int
    values: int

    def __post_init__(self) -> None:
        self.watch, self.budget = self._made()
        self.offers: Offer = self.budget if self.alerts_a_day else Everything(self.floor)
        self.verdicts = Verdicts()
        self.matches: list[Match] = []

    def _made(self) -> tuple[Watch, Budget]:
        watch = Watch(self.actors, self.values, self.groups, getattr(self, "priors", {}), self.first_check())
        return watch, Budget(self.alerts_a_day or N, self.most_a_day, self.floor, self.budgets)

    def first_check(self) -> int:
        """The count in a window from which `busy` is asked."""
        return NEVER

    def attach(self, behaviour_of: Callable[[str], Behaviour | None]) -> None:
        self.watch.behaviour_of = behaviour_of

    def inspect(self, events: list[Event]) -> list[Match]:
        self.watch.look(events, self)
        matches, self.matches = self.matches, []
        return matches

    def retell(self, match: Match, event: Event) -> Match:
        return msgspec.structs.replace(match, events=(*match.events[:-1], event))

    def snapshot(self) -> bytes:
        return snapshot.pack(self.watch, self.budget, self.verdicts)

    def restore(self, data: bytes) -> None:
        watch, budget = self._made()
        watch.behaviour_of = self.watch.behaviour_of
        self.verdicts = snapshot.unpack(data, watch, budget)
        self.offers = budget if self.offers is self.budget else self.offers
        self.watch, self.budget = watch, budget

    def usual(self, entity: str) -> dict[str, Any] | None:
        actor = self.watch.find(entity)
        return None if actor is None else telling.usual(actor, self.watch.clock)

    def standing(self) -> dict[str, float]:
        return telling.standing(self.watch, self.budget)

    def judge(self, verdict: Verdict) -> None:
        self.verdicts.take(verdict, self.watch.clock.minute)
        if verdict.benign:
            return
        for actor in self.watch.named(verdict.scope):
            self.budget.attack(actor.name)
            for aspect, facet in enumerate(ASPECTS):
                if verdict.facet in (facet.name, "*"):
                    self.watch.realm_of(actor).forget(actor, aspect, verdict.value)
        self.watch.forget_ways()

    def met(self, way: Way, event: Event) -> bool:
        return True

    def busy(self, way: Way, event: Event) -> None:
        pass

    def closed(self, active: list[Actor], tallies: list[Tally]) -> None:
        self.budget.renew(self.watch.clock.flow)
