"""Somebody does much more of one kind of thing than usual, for it, for its peers and for the hour of the day."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any

from detectors._watch import counts, telling
from detectors._watch.actors import Tally
from detectors._watch.budget import DIGEST
from detectors._watch.lately import risk_of
from detectors._watch.rules import rules
from detectors._watch.watch import LEAST
from detectors._watch.watcher import Watcher
from detectors._watch.weighing import Way
from event_model.alert import Match
from event_model.event import Event

# times sooner than a count mattered in one window is it looked at in the next ones of the hour
SOONER = 2
GROWTH = 1.25  # after which a count is looked at again
CHOICE = 2.3  # nats: the greatest of some ten kinds is looked at
FACET = "rate"  # in verdicts; its value is the kind


@dataclass(eq=False)
class Detector(Watcher):
    alerts_a_day: float = 1.0  # of all groups together, on average over a week; 0: all above the floor
    most_a_day: float = 6.0  # never more in 24 hours, of all groups: the rest is told at level low
    budgets: dict[str, float] = field(default_factory=dict)  # group -> its own alerts a day; 0: none
    floor: float = 12.0  # nats below which nothing is told

    is_counting = True
    tells_high = False

    def busy(self, way: Way, event: Event) -> None:
        """Weigh a count, on the event that makes it: then as soon as it can reach the floor, or has grown by a quarter."""
        tally, actor, clock = way.tally, way.actor, self.watch.clock
        mean = counts.mean_of(tally, clock.weight, clock.hour)
        nats, each = counts.tail(tally.count, mean, counts.spread_of(tally, clock.weight))
        nats -= CHOICE
        if nats < self.floor:
            tally.check = tally.count + ceil((self.floor - nats) / each) if each else floor(mean) + 1
            tally.hour, tally.first = clock.hour, max(LEAST, tally.check // SOONER)
            return
        if not self.watch.verdicts.benign(actor, FACET, tally.kind, clock.minute):
            actor.lately.take(nats, clock.flow)
            told = self.offers.offer(actor.name, actor.group.name, nats, clock.flow)
            if told is not None:
                self.tell(self._match(tally, event, nats, mean, told == DIGEST))
        tally.check = max(tally.count + 1, ceil(tally.count * GROWTH))

    def _match(self, tally: Tally, event: Event, nats: float, mean: float, digest: bool) -> Match:
        actor, clock = tally.actor, self.watch.clock
        text = telling.rate_text(tally, mean)
        evidence: dict[str, Any] = {
            "cluster": actor.cluster,
            "entity": actor.entity,
            "group": actor.group.name,
            "score": round(nats, 1),
            "risk": risk_of(nats),
            "watched_days": telling.days(telling.age(actor, clock)),
            "terms": [{"facet": FACET, "value": tally.kind, "nats": round(nats, 1), "text": text}],
            "rates": [{"kind": tally.kind, "count": tally.count, "usual": round(mean, 3), "text": text}],
            "usual": telling.usual(actor, clock),
            "digest": digest,
            "expected_every_days": self.budget.every(actor.group.name, nats, clock.flow),
        }
        level = "low" if digest else "medium"
        reason = f"{actor.entity} ({actor.group.name}): {text}"
        return Match(RULES[level], (event,), reason, {}, (actor.entity,), evidence)


RULES = rules(
    "b1f0a1de-55c9-4f83-8f0b-2c0e5f3f8a02",
    "behaviour_rate",
    "Far more of one kind of act than is usual",
    __doc__,
    levels=("low", "medium"),
)
