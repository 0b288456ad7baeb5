"""Lines of a container's log in a shape that neither it nor others ever wrote, or far more lines of a shape than usual."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from detectors._lines import memory, telling
from detectors._lines.entity import FADE, FIRST_LOOK, NEW, Case, Entity, Shape, Term, burst, learn, novelty
from detectors._lines.words import Words
from detectors._lines.writers import Writers
from detectors._watch.budget import DIGEST, Budget, Everything, Offer, level_of
from detectors._watch.clock import Clock
from detectors._watch.rules import rules
from detectors._watch.telling import LEARNING, seen_last, spent
from detectors._watch.verdicts import Verdicts, scope_of, scopes
from detectors._watch.watcher import N
from event_model.alert import Match
from event_model.behaviour import Behaviour, Verdict, no_text
from event_model.event import Event

log = logging.getLogger(__name__)

UUID = "c1f6c7de-8a5e-4e39-8a53-6d5b8f0e2a91"
Place = tuple[str, str, Hashable]  # format, cluster, and the key of the format's declaration
MOST_WRITERS = 50_000  # remembered keys
MOST_NEW = 20  # terms of one window
BURST_SHARE, BURST_COST = 0.5, 2.3  # of a burst's nats: traffic comes in bursts


@dataclass(eq=False)
class Detector:
    alerts_a_day: float = 3.0  # of all groups together, on average over a week; 0: all from `floor` up
    most_a_day: float = 12.0  # never more than these in 24 hours: the rest is told at level low
    budgets: dict[str, float] = field(default_factory=dict)  # group -> its own alerts a day
    floor: float = 8.0  # nats below which nothing is told
    words: dict[str, float] = field(default_factory=dict)  # words of danger -> nats, besides the shipped ones
    entities: int = 2000  # remembered at most
    templates: int = 50_000  # shapes remembered at most, of all; past that those give who have the most
    templates_each: int = 300  # of one entity

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.writers = Writers(self.entities, self.templates, self.templates_each)
        self.budget = self._full()
        self.offers: Offer = self.budget if self.alerts_a_day else Everything(self.floor)
        self.verdicts = Verdicts()
        self.unread = 0  # events that a declaration could not read
        self.crowded = 0  # events of entities that there was no room for
        self.unshaped = 0  # lines of entities that had too many shapes
        self._words = Words(self.words)
        self._behaviour_of: Callable[[str], Behaviour | None] = lambda _: None
        self._declared: dict[str, Behaviour | None] = {}
        self._forget_place()

    def _full(self) -> Budget:
        return Budget(self.alerts_a_day or N, self.most_a_day, self.floor, self.budgets)

    def _forget_place(self) -> None:
        self._format = ""
        self._behaviour: Behaviour | None = None
        self._known: dict[Place, Entity | None] = {}
        self._active: dict[str, Entity] = {}  # in this window
        self._open: list[Shape] = []  # in this window
        self._text, self._in_time = "", False
        self._matches: list[Match] = []

    def attach(self, behaviour_of: Callable[[str], Behaviour | None]) -> None:
        self._behaviour_of, self._declared = behaviour_of, {}
        self._format, self._known = "", {}

    def inspect(self, events: list[Event]) -> list[Match]:
        for event in events:
            try:
                if event.origin.format != self._format:
                    self._turn_to(event.origin.format)
                if self._behaviour is not None:
                    self._look(event, self._behaviour)
            except Exception:  # an event that a declaration stumbles over must not cost the others
                if not self.unread:  # once: it may fail on every event
                    log.exception("detector failed on an event", extra={"detector": "log_template"})
                self.unread += 1
        matches, self._matches = self._matches, []
        return matches

    def retell(self, match: Match, event: Event) -> Match:
        """Nothing that is shown of lines holds a secret."""
        return msgspec.structs.replace(match, events=(event,))

    def _turn_to(self, format: str) -> None:
        """Go by the declaration of the format that these events have, if it has lines of text."""
        if format not in self._declared:
            self._declared[format] = self._behaviour_of(format)
        behaviour, self._format = self._declared[format], format
        self._behaviour = None if behaviour is None or behaviour.text is no_text else behaviour

    def _look(self, event: Event, behaviour: Behaviour) -> None:
        line = behaviour.text(event)
        if not line:
            return
        text = behaviour.time(event)[:16]
        if text != self._text or not self._in_time:
            self._tick(text)
        key = behaviour.key(event)
        origin = event.origin
        place = (origin.format, origin.cluster, key)
        entity = self._known.get(place)
        if entity is None and (entity := self._meet(place, event, behaviour)) is None:
            return
        shape = self.writers.find(entity, line, self.clock.minute)
        if shape is None:
            self._active[entity.name] = entity
            entity.unshaped += 1
            self.unshaped += 1
            return
        if shape.window != self.clock.window:
            if shape.window == NEW:
                self._new(shape, line, event)
            self._begin(shape)
        shape.count += 1
        if shape.count >= shape.check:
            self._busy(shape, line, event)

    def _meet(self, place: Place, event: Event, behaviour: Behaviour) -> Entity | None:
        if place in self._known:
            return None
        facets = behaviour.facets(event) if place[2] is not None else None
        if len(self._known) >= MOST_WRITERS:
            self._known.clear()
        entity = None
        if facets is not None:
            entity = self.writers.entity(event.origin, facets, self.clock)
            if entity is None:
                self.crowded += 1
                return None
        self._known[place] = entity
        return entity

    def _tick(self, text: str) -> None:
        """Go by the time of an event; when a window ends by it, close it for all."""
        before = self.clock.window
        self._text, self._in_time = text, self.clock.turn(text)
        if self.clock.window != before:
            self._close()

    def _close(self) -> None:
        """What was seen is usual from now on, even what raised an alarm: otherwise it would for ever."""
        flow = self.clock.flow
        for shape in self._open:
            shape.entity.age(flow)
            learn(shape)
        for entity in self._active.values():
            if self.verdicts.unlearned:
                self._unlearn(entity)
            self.writers.trim(entity)
            entity.close(flow)
        self._open, self._active = [], {}
        if self.writers.shed():
            self._known.clear()
        self.writers.make_room()
        self.writers.tidy()
        self.budget.renew(flow)

    def _unlearn(self, entity: Entity) -> None:
        unlearned = [
            shape
            for shape in entity.shapes
            if self.verdicts.keeps(entity, telling.SHAPE, telling.shown(str(shape)), self.clock.minute)
        ]
        self.writers.forget(entity, unlearned)

    def _begin(self, shape: Shape) -> None:
        """The first line of a shape in this window."""
        shape.window, shape.count, shape.check = self.clock.window, 0, FIRST_LOOK
        shape.seen = self.clock.flow
        self._open.append(shape)
        self._active[shape.entity.name] = shape.entity

    def _new(self, shape: Shape, line: str, event: Event) -> None:
        """Weigh a shape that is new to its entity."""
        entity, knowing = shape.entity, shape.common.writers - 1
        case = entity.case = entity.case or Case()
        entity.novel = True
        if len(case.new) < MOST_NEW and not self._is_benign(shape, telling.SHAPE):
            said, words = self._words.weigh(line, event.stream == "stderr")
            earlier = len(case.new)
            nats = novelty(entity, earlier, knowing, len(self.writers.entities) - 1)
            if entity.young:  # words of danger are no news where nothing is known yet
                said = min(said, 0.0)
            case.new.append(Term(shape, max(0.0, nats + said) * FADE**earlier, words, knowing))
            self._offer(entity, case, event)

    def _busy(self, shape: Shape, line: str, event: Event) -> None:
        """A shape has more lines in this window than at the last look."""
        shape.check = 2 * shape.count
        entity = shape.entity
        if entity.young or self._is_benign(shape, telling.BURST):
            return
        nats, usual = burst(shape)
        said, words = self._words.weigh(line, event.stream == "stderr")
        weight = BURST_SHARE * (nats - BURST_COST) + said
        if nats <= BURST_COST or weight <= 0:
            return
        case = entity.case = entity.case or Case()
        case.bursts[shape] = Term(shape, weight, words, count=shape.count, usual=usual)
        self._offer(entity, case, event)

    def _is_benign(self, shape: Shape, facet: str) -> bool:
        return bool(self.verdicts.suppressed) and self.verdicts.benign(
            shape.entity, facet, telling.shown(str(shape)), self.clock.minute
        )

    def _offer(self, entity: Entity, case: Case, event: Event) -> None:
        """Tell of the case, if its score has grown and the budget has room."""
        score = case.score
        entity.lately.take(score, self.clock.flow)
        if score <= case.told:
            return
        case.told = score
        told = self.offers.offer(entity.name, entity.group.name, score, self.clock.flow)
        if told is None or self._behaviour is None:
            return
        evidence = telling.evidence(entity, case, self.writers, self.verdicts, self.clock)
        evidence["example"] = telling.shown(self._behaviour.text(event) or "")
        evidence["digest"] = told == DIGEST
        evidence["expected_every_days"] = self.budget.every(entity.group.name, score, self.clock.flow)
        self._matches.append(
            Match(
                RULES[level_of(told, score)],
                (event,),
                telling.reason(evidence),
                {},
                (entity.entity,),
                evidence,
            )
        )

    def usual(self, entity: str, cluster: str | None = None) -> dict[str, Any] | None:
        named = [each for each in self.writers.entities.values() if each.entity == entity]
        known = seen_last(named, cluster)
        return known and telling.usual(known[0], self.clock.flow) | {"also_in": known[1]}

    def standing(self) -> dict[str, dict[str, float]]:
        groups = self.writers.groups.values()
        windows = sum(group.m for group in groups)
        stands = {
            "entities": float(len(self.writers.entities)),
            "learning": float(self.clock.flow < LEARNING),
            "novelty_rate": sum(group.n for group in groups) / windows if windows else 0.0,
            "templates": float(self.writers.size),
            "unread": float(self.unread),
            "crowded": float(self.crowded),
            "unshaped": float(self.unshaped),
            "odd_times": float(self.clock.odd),
            **spent(self.budget, self.clock.flow),
        }
        return {"": stands}

    def judge(self, verdict: Verdict) -> None:
        holds = self.verdicts.take(verdict, self.clock.minute)
        if not holds or verdict.benign or verdict.facet not in (telling.SHAPE, None):
            return
        for entity in self.writers.entities.values():
            if scope_of(verdict) in scopes(entity):
                self.budget.attack(entity.name)
                self._unlearn(entity)
        self.writers.tidy()

    def snapshot(self) -> bytes:
        return memory.pack(self.clock, self.writers, self.budget, self.verdicts)

    def restore(self, data: bytes) -> None:
        budget = self._full()
        writers = Writers(self.entities, self.templates, self.templates_each)
        clock, verdicts, begun = memory.unpack(data, writers, budget)
        self.clock, self.writers, self.verdicts = clock, writers, verdicts
        self.offers = budget if self.offers is self.budget else self.offers
        self.budget = budget
        self._forget_place()
        self._open = begun
        self._active = {shape.entity.name: shape.entity for shape in begun}
        self._active |= {name: each for name, each in writers.entities.items() if each.unshaped}


RULES = rules(
    UUID,
    "behaviour_log_template",
    "Lines of an unknown shape, or far more of one than usual",
    __doc__,
    group_by="container.name",
)
