"""Somebody does what neither it nor its peers usually do: new acts, places, addresses, clients, outcomes, secrets, images."""

from __future__ import annotations

from dataclasses import dataclass, field

from detectors._watch import counts, telling
from detectors._watch.actors import Actor, Tally
from detectors._watch.aspects import ACTION, ASPECTS, NAMESPACE, OUTCOME, PLACE, WIDTH
from detectors._watch.budget import DIGEST
from detectors._watch.case import MOST_NEW, Case
from detectors._watch.evidence import risk_of, term
from detectors._watch.rules import rules
from detectors._watch.watch import Way
from detectors._watch.watcher import Watcher
from event_model.alert import Match
from event_model.event import Event

HIGH = 70  # risk from which an alert is high
MOST_COUNTED = 3  # new values of one window: a burst is one visit to a new place, not a habit of novelty


@dataclass(eq=False)
class Detector(Watcher):
    alerts_a_day: float = 3.0  # of all groups together, on average over a week; 0: all above the floor
    most_a_day: float = 12.0  # never more than these in 24 hours: the rest is told at level low
    budgets: dict[str, float] = field(default_factory=dict)  # group -> its own alerts a day
    floor: float = 8.0  # nats below which nothing is told
    groups: dict[str, str] = field(default_factory=dict)  # pattern of actors -> group; the first that fits
    priors: dict[str, float] = field(default_factory=dict)  # kind, or group/kind -> nats
    keeps_hours: list[str] = field(default_factory=lambda: ["people"])  # groups whose hours of the day matter
    actors: int = 20_000  # remembered at most
    values: int = 2_000_000  # remembered at most, of all
    values_each: int = 4096  # of one actor

    def met(self, way: Way, event: Event) -> bool:
        """Weigh the values that are new to the actor, each once in a window."""
        actor = way.actor
        known = actor.known
        fresh = [pair for pair in way.values if pair[1] not in known[pair[0]]]
        if not fresh:
            return True
        case: Case = actor.case or Case()
        actor.case = case
        unseen = [pair for pair in fresh if pair not in case.new]
        if unseen and len(case.new) < MOST_NEW:
            before = len(case.terms)
            self._weigh(way, case, unseen)
            if len(case.terms) > before:
                case.take(event)
                self._offer(actor, case, event)
        return not self.verdicts.unlearned

    def _weigh(self, way: Way, case: Case, unseen: list[tuple[int, str]]) -> None:
        """Add the evidence of new values. What follows from another new value is no evidence besides."""
        actor, facets = way.actor, way.facets
        realm, now = self.watch.realm_of(actor), self.watch.clock.minute
        new_act = facets.action not in actor.known[ACTION]
        new_place = facets.namespace is not None and facets.namespace not in actor.known[NAMESPACE]
        for aspect, value in unseen:
            case.new[aspect, value] = value not in realm.known[aspect]
            follows = (aspect == OUTCOME and new_act and facets.outcome == "ok") or (
                aspect == PLACE and (new_act or new_place)
            )
            if not follows and not self.verdicts.benign(actor, ASPECTS[aspect].name, value, now):
                case.add(term(realm, actor, aspect, value, case.counts[aspect], way.prior, facets.kind))

    def _offer(self, actor: Actor, case: Case, event: Event) -> None:
        """Tell of the case, if its score has grown and the budget has room."""
        if not case.hours and actor.groups[-1].name in self.keeps_hours:
            case.hours = counts.off_hours(actor, self.watch.clock.hour)
        score = case.score
        if score <= case.told:
            return
        case.told = score
        told = self.offers.offer(actor.name, actor.group.name, score, self.watch.clock.flow)
        if told is not None:
            self.matches.append(self._match(actor, case, event, score, told == DIGEST))

    def _match(self, actor: Actor, case: Case, event: Event, score: float, digest: bool) -> Match:
        evidence = telling.evidence(actor, case, self.watch.clock, score)
        evidence["digest"] = digest
        evidence["expected_every_days"] = self.budget.every(actor.group.name, score, self.watch.clock.flow)
        level = "low" if digest else "high" if risk_of(score) >= HIGH else "medium"
        events = (*(each for each in case.events if each is not event), event)
        return Match(RULES[level], events, telling.reason(evidence), {}, (evidence["entity"],), evidence)

    def closed(self, active: list[Actor], tallies: list[Tally]) -> None:
        """What was new is known from now on, even when it raised an alarm: otherwise it would for ever."""
        day = self.watch.clock.day
        for actor in active:
            if actor.case is not None:
                self._learn(actor, actor.case, day)
                actor.case = None
        self.budget.renew(self.watch.clock.flow)

    def _learn(self, actor: Actor, case: Case, day: int) -> None:
        realm = self.watch.realm_of(actor)
        news, unseen = [0] * WIDTH, [0] * WIDTH
        for (aspect, value), fresh in case.new.items():
            news[aspect] += 1
            unseen[aspect] += fresh
            if not self.verdicts.keeps(actor, ASPECTS[aspect].name, value):
                realm.learn(actor, aspect, value, day)
        for aspect, count in enumerate(news):
            if count:
                kept = min(count, MOST_COUNTED)
                counts.renewed(actor, aspect, kept, kept * unseen[aspect] / count)
        realm.trim(actor, self.values_each)


RULES = rules(
    "6a0f6f9e-7d0c-4f0e-9f3f-0f6d1a1b7c51",
    "behaviour_novelty",
    "Behaviour that is new for an actor and its peers",
    __doc__,
)
