"""What is new about one actor in one window, added up event by event."""

from __future__ import annotations

from dataclasses import dataclass, field

from detectors._watch.aspects import ASPECTS, WIDTH
from detectors._watch.evidence import Term
from event_model.event import Event

MOST_TERMS = 200
MOST_EVENTS = 20
MOST_NEW = 5000  # values of one actor in one window


@dataclass(slots=True)
class Case:
    """The terms of one actor's window; `total` is the sum of the facets' sums, each capped."""

    hours: float = 0.0  # nats of an unusual hour, where that matters; only beside other evidence
    total: float = 0.0
    sums: list[float] = field(default_factory=lambda: [0.0] * WIDTH)
    counts: list[int] = field(default_factory=lambda: [0] * WIDTH)
    terms: list[Term] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    new: dict[tuple[int, str], bool] = field(default_factory=dict)  # value -> nobody knew it
    told: float = 0.0  # the score that was last offered
    minute: int = 0  # since the epoch, of its last news

    def add(self, term: Term) -> None:
        cap, had = ASPECTS[term.aspect].cap, self.sums[term.aspect]
        self.sums[term.aspect] = had + term.nats
        self.total += min(cap, had + term.nats) - min(cap, had)
        self.counts[term.aspect] += 1
        if len(self.terms) < MOST_TERMS:
            self.terms.append(term)

    def take(self, event: Event) -> None:
        """Keep an event that the case rests on."""
        if len(self.events) < MOST_EVENTS:
            self.events.append(event)
        else:
            self.events[-1] = event

    @property
    def score(self) -> float:
        return self.total + self.hours if self.total > 0 else 0.0

    def largest(self, most: int) -> list[Term]:
        return sorted(self.terms, key=lambda term: -term.nats)[:most]
