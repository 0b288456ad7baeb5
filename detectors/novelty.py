"""Somebody does what neither it nor its peers usually do: new acts, places, addresses, clients, outcomes, secrets, images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from detectors._watch import counts, snapshot, telling
from detectors._watch.actors import Actor, Tally
from detectors._watch.aspects import ACTION, ASPECTS, NAMESPACE, OUTCOME, PLACE, WIDTH
from detectors._watch.budget import DIGEST, Budget, Everything, Offer
from detectors._watch.case import MOST_NEW, Case
from detectors._watch.evidence import risk_of, term
from detectors._watch.verdicts import Verdicts
from detectors._watch.watch import Watch, Way
from event_model.alert import Match, RuleInfo
from event_model.behaviour import Behaviour, Verdict
from event_model.event import Event

UUID = "6a0f6f9e-7d0c-4f0e-9f3f-0f6d1a1b7c51"
HIGH = 70  # risk from which an alert is high
ALARMED = 16.0  # nats from which a window is no measure of how often new things come


@dataclass(eq=False)
class Detector:
    alerts_a_day: float = 3.0  # of all groups together, on average over a week; 0: all above the floor
    most_a_day: float = 12.0  # never more than these in 24 hours: the rest is told at level low
    budgets: dict[str, float] = field(default_factory=dict)  # group -> its own alerts a day
    floor: float = 10.0  # nats below which nothing is told
    groups: dict[str, str] = field(default_factory=dict)  # pattern of actors -> group; the first that fits
    priors: dict[str, float] = field(default_factory=dict)  # kind, or group/kind -> nats
    keeps_hours: list[str] = field(default_factory=lambda: ["people"])  # groups whose hours of the day matter
    actors: int = 20_000  # remembered at most
    values: int = 2_000_000  # remembered at most, of all
    values_each: int = 4096  # of one actor

    def __post_init__(self) -> None:
        self.watch = Watch(self.actors, self.values, self.groups, self.priors)
        self.budget = Budget(self.alerts_a_day or 3.0, self.most_a_day, self.floor, self.budgets)
        self.offers: Offer = self.budget if self.alerts_a_day else Everything(self.floor)
        self.verdicts = Verdicts()
        self._matches: list[Match] = []
        self._open: list[Actor] = []  # with a case in this window

    def attach(self, behaviour_of: Callable[[str], Behaviour | None]) -> None:
        self.watch.behaviour_of = behaviour_of

    def inspect(self, events: list[Event]) -> list[Match]:
        self.watch.look(events, self)
        matches, self._matches = self._matches, []
        return matches

    def retell(self, match: Match, event: Event) -> Match:
        return msgspec.structs.replace(match, events=(*match.events[:-1], event))

    def snapshot(self) -> bytes:
        return snapshot.pack(self.watch, self.budget, self.verdicts)

    def restore(self, data: bytes) -> None:
        watch = Watch(self.actors, self.values, self.groups, self.priors)
        watch.behaviour_of = self.watch.behaviour_of
        budget = Budget(self.alerts_a_day or 3.0, self.most_a_day, self.floor, self.budgets)
        self.verdicts = snapshot.unpack(data, watch, budget)
        self.watch, self.budget = watch, budget
        self.offers = budget if isinstance(self.offers, Budget) else self.offers
        self._open = []

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
            realm = self.watch.realm_of(actor)
            for aspect, facet in enumerate(ASPECTS):
                if verdict.facet in (facet.name, "*"):
                    realm.forget(actor, aspect, verdict.value)
        self.watch.forget_ways()

    # what the watch asks

    def met(self, way: Way, event: Event) -> bool:
        """Weigh the values that are new to the actor, each once in a window."""
        actor = way.actor
        case: Case | None = actor.case
        known = actor.known
        fresh = [pair for pair in way.values if pair[1] not in known[pair[0]]]
        if not fresh:
            return True
        if case is None:
            case = actor.case = Case()
            self._open.append(actor)
        unseen = [pair for pair in fresh if pair not in case.new]
        if unseen and len(case.new) < MOST_NEW:
            self._weigh(way, case, unseen, event)
        return not self.verdicts.unlearned

    def _weigh(self, way: Way, case: Case, unseen: list[tuple[int, str]], event: Event) -> None:
        actor, facets = way.actor, way.facets
        realm = self.watch.realm_of(actor)
        new_act = facets.action not in actor.known[ACTION]
        new_place = facets.namespace is not None and facets.namespace not in actor.known[NAMESPACE]
        before = len(case.terms)
        for aspect, value in unseen:
            case.new[aspect, value] = value not in realm.known[aspect]
            if aspect == OUTCOME and new_act and facets.outcome == "ok":
                continue  # that a new act went well is not new besides
            if aspect == PLACE and (new_act or new_place):
                continue
            if self.verdicts.benign(actor, ASPECTS[aspect].name, value, self.watch.clock.minute):
                continue
            case.add(term(realm, actor, aspect, value, case.counts[aspect], way.prior, facets.kind))
        if len(case.terms) > before:
            case.take(event)
            self._offer(actor, case, event)

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
            self._matches.append(self._match(actor, case, event, score, told == DIGEST))

    def _match(self, actor: Actor, case: Case, event: Event, score: float, digest: bool) -> Match:
        evidence = telling.evidence(actor, case, self.watch.clock, score)
        evidence["digest"] = digest
        evidence["expected_every_days"] = self.budget.every(actor.group.name, score, self.watch.clock.flow)
        level = "low" if digest else "high" if risk_of(score) >= HIGH else "medium"
        events = (*(each for each in case.events if each is not event), event)
        return Match(RULES[level], events, telling.reason(evidence), {}, (evidence["entity"],), evidence)

    def busy(self, way: Way, event: Event) -> None:
        """Counts alone alarm nobody here."""

    def closed(self, active: list[Actor], tallies: list[Tally]) -> None:
        """What was new is known from now on, even when it raised an alarm: otherwise it would for ever."""
        day = self.watch.clock.day
        for actor in self._open:
            if actor.case is not None:
                self._learn(actor, actor.case, day)
                actor.case = None
        self._open = []
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
            kept = min(count, 3)  # a burst is one visit to a new place, not a habit of novelty
            if not kept:
                continue
            actor.n[aspect] += kept
            for group in actor.groups:
                group.n[aspect] += kept
                group.unseen[aspect] += kept * unseen[aspect] / count
                if actor.young:
                    group.young_n[aspect] += kept
        realm.trim(actor, self.values_each)


def _rule(level: str) -> RuleInfo:
    return RuleInfo(
        uuid=UUID,
        rule_id="behaviour_novelty",
        name="Behaviour that is new for an actor and its peers",
        level=level,
        description=__doc__ or "",
        tags=("behaviour",),
        group_by=("user.name",),
    )


RULES = {level: _rule(level) for level in ("low", "medium", "high")}
