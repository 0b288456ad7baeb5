"""Somebody does a little that is new, again and again for hours: low and slow. For tickets rather than for pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from detectors._watch import telling
from detectors._watch.actors import Actor
from detectors._watch.budget import DIGEST
from detectors._watch.case import Case
from detectors._watch.clock import Clock
from detectors._watch.rules import rules
from detectors._watch.watcher import Watcher
from event_model.alert import Match

MOST_WINDOW = 12.0  # nats of one window that are gathered: more than that is not slow
PEAK_LEFT = 0.9  # of the highest of past days, each day
USUAL_OVER = 200  # active windows, over which the usual evidence is averaged


@dataclass(eq=False)
class Detector(Watcher):
    alerts_a_day: float = 1.0  # of all groups together, on average over a week; 0: all above the floor
    most_a_day: float = 6.0  # never more in 24 hours, of all groups: the rest is told at level low
    budgets: dict[str, float] = field(default_factory=dict)  # group -> its own alerts a day; 0: none
    floor: float = 15.0  # nats below which nothing is told

    tells_high = False

    def closed(self, active: list[Actor]) -> None:
        """Gather what the window has brought, and tell of the gravest first: tokens may not last for all."""
        clock, found = self.watch.clock, list[tuple[float, str, Actor, Case]]()
        for actor in active:
            if actor.case is not None:
                score = gather(actor, actor.case.total, clock)
                actor.lately.take(score, clock.flow)
                if actor.case.events and score >= self.floor:
                    found.append((score, actor.name, actor, actor.case))
        for score, _, actor, case in sorted(found, key=lambda each: (-each[0], each[1])):
            self._offer(actor, case, score)
        super().closed(active)

    def _offer(self, actor: Actor, case: Case, score: float) -> None:
        clock = self.watch.clock
        told = self.offers.offer(actor.name, actor.group.name, score, clock.flow)
        if told is None:
            return
        actor.peak = actor.carried  # told: again only when as much has come on top
        digest = told == DIGEST
        evidence = telling.evidence(actor, case, self.watch, self.budget, score, digest)
        evidence["gathered"] = round(actor.carried, 1)
        reason = f"{telling.reason(evidence)}; {actor.carried:.0f} nats of evidence in the past hours"
        level = "low" if digest else "medium"
        self.tell(Match(RULES[level], tuple(case.events), reason, {}, (actor.entity,), evidence))


def gather(actor: Actor, evidence: float, clock: Clock) -> float:
    """Add a window's evidence to that of the past hours; how much it is above the highest of the actor's past days.

    What is usual for the actor in a window does not count.
    """
    day, high = actor.today
    if clock.day != day:
        actor.peak = max(actor.peak * PEAK_LEFT ** max(1, clock.day - day), high)
        high = 0.0
    actor.usual = diluted(actor.usual, actor.weighed, actor.windows)
    gathered = min(evidence, MOST_WINDOW)
    actor.carried = actor.carries(clock.flow) + max(0.0, gathered - actor.usual)
    actor.gathered, actor.weighed = clock.flow, actor.windows + 1
    actor.usual += (gathered - actor.usual) / min(actor.weighed, USUAL_OVER)
    actor.today = (clock.day, max(high, actor.carried))
    return actor.carried - actor.peak


def diluted(usual: float, before: int, now: int) -> float:
    """A mean over active windows, after those from `before` to `now`, which brought nothing."""
    whole = min(now, USUAL_OVER)
    if before < whole:
        usual *= before / whole
    return usual * (1.0 - 1.0 / USUAL_OVER) ** max(0, now - max(before, whole))


RULES = rules(
    "e2a0cf0b-9d77-4c55-8d0c-6a86a1f0d903",
    "behaviour_accumulation",
    "A little that is new, again and again",
    __doc__,
    levels=("low", "medium"),
)
