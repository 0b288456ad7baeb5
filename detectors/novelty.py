"""Somebody does what neither it nor its peers usually do: new acts, places, addresses, clients, outcomes, secrets, images."""

from __future__ import annotations

from dataclasses import dataclass, field

from detectors._watch import counts, telling
from detectors._watch.actors import Actor
from detectors._watch.budget import DIGEST, level_of
from detectors._watch.case import Case
from detectors._watch.rules import rules
from detectors._watch.watcher import Watcher
from event_model.alert import Match
from event_model.event import Event


@dataclass(eq=False)
class Detector(Watcher):
    alerts_a_day: float = 3.0  # of all groups together, on average over a week; 0: all above the floor
    most_a_day: float = 12.0  # never more in 24 hours, of all groups: the rest is told at level low
    budgets: dict[str, float] = field(default_factory=dict)  # group -> its own alerts a day; 0: none
    floor: float = 8.0  # nats below which nothing is told
    keeps_hours: list[str] = field(default_factory=lambda: ["people"])  # groups whose hours of the day matter

    def grew(self, actor: Actor, case: Case, event: Event) -> None:
        """Tell of the case, if its score has grown and the budget has room."""
        clock = self.watch.clock
        if not case.hours and actor.groups[-1].name in self.keeps_hours:
            case.hours = counts.off_hours(actor, clock.weight, clock.hour)
        score = case.score
        if score <= case.told:
            return
        case.told = score
        actor.lately.take(score, clock.flow)
        told = self.offers.offer(actor.name, actor.group.name, score, clock.flow)
        if told is not None:
            digest = told == DIGEST
            evidence = telling.evidence(actor, case, self.watch, self.budget, score, digest)
            events = (*(each for each in case.events if each is not event), event)
            reason = telling.reason(evidence)
            self.tell(Match(RULES[level_of(told, score)], events, reason, {}, (actor.entity,), evidence))


RULES = rules(
    "6a0f6f9e-7d0c-4f0e-9f3f-0f6d1a1b7c51",
    "behaviour_novelty",
    "Behaviour that is new for an actor and its peers",
    __doc__,
)
