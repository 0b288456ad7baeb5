"""Somebody does a little that is new, again and again for hours: low and slow. For tickets rather than for pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from detectors import novelty
from detectors._watch.actors import Actor, Tally
from detectors._watch.budget import DIGEST
from detectors._watch.case import Case
from detectors._watch.clock import HOUR, Clock, fade
from detectors._watch.rules import rules
from event_model.alert import Match
from event_model.event import Event

HALF_LIFE = 8 * HOUR
MOST_WINDOW = 12.0  # nats of one window that are gathered: more than that is not slow
PEAK_LEFT = 0.9  # of the highest of past days, each day
USUAL_OVER = 200  # active windows, over which the usual evidence is averaged


@dataclass(eq=False)
class Detector(novelty.Detector):
    alerts_a_day: float = 1.0  # of all groups together, on average over a week; 0: all above the floor
    most_a_day: float = 6.0  # never more than these in 24 hours: the rest is told at level low
    budgets: dict[str, float] = field(default_factory=dict)  # group -> its own alerts a day
    floor: float = 15.0  # nats below which nothing is told
    groups: dict[str, str] = field(default_factory=dict)  # pattern of actors -> group; the first that fits
    priors: dict[str, float] = field(default_factory=dict)  # kind, or group/kind -> nats
    keeps_hours: list[str] = field(default_factory=list)  # groups whose hours of the day matter
    actors: int = 20_000  # remembered at most
    values: int = 2_000_000  # remembered at most, of all
    values_each: int = 4096  # of one actor

    def _offer(self, actor: Actor, case: Case, event: Event) -> None:
        """A window alone alarms nobody here."""

    def closed(self, active: list[Actor], tallies: list[Tally]) -> None:
        clock = self.watch.clock
        for actor in active:
            case: Case | None = actor.case
            score = gather(actor, case.score if case is not None else 0.0, clock)
            if case is not None and case.events and score >= self.floor:
                told = self.offers.offer(actor.name, actor.group.name, score, clock.flow)
                if told is not None:
                    actor.peak = actor.carried  # told: again only when as much has come on top
                    self.matches.append(self._slow(actor, case, score, told == DIGEST))
        super().closed(active, tallies)

    def _slow(self, actor: Actor, case: Case, score: float, digest: bool) -> Match:
        match = self._match(actor, case, case.events[-1], score, digest)
        reason = f"{match.reason}; {actor.carried:.0f} nats of evidence in the past hours"
        return Match(
            RULES["low" if digest else "medium"], match.events, reason, {}, match.group, match.evidence
        )


def gather(actor: Actor, evidence: float, clock: Clock) -> float:
    """Add a window's evidence to that of the past hours; how much it is above the highest of the actor's past days.

    What is usual for the actor in a window does not count.
    """
    day, high = actor.today
    if clock.day != day:
        actor.peak = max(actor.peak * PEAK_LEFT ** max(1, clock.day - day), high)
        high = 0.0
    actor.carried *= fade(clock.flow - actor.gathered, HALF_LIFE)
    actor.gathered = clock.flow
    actor.carried += max(0.0, min(evidence, MOST_WINDOW) - actor.usual)
    actor.usual += (min(evidence, MOST_WINDOW) - actor.usual) / min(actor.windows + 1, USUAL_OVER)
    actor.today = (clock.day, max(high, actor.carried))
    return actor.carried - actor.peak


RULES = rules(
    "e2a0cf0b-9d77-4c55-8d0c-6a86a1f0d903",
    "behaviour_accumulation",
    "A little that is new, again and again",
    __doc__,
    levels=("low", "medium"),
)
