"""A window of five minutes whose numbers are unlike its entity's own and its peers': rates, durations, bytes, error shares."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
from scipy.special import stdtr  # type: ignore[import-untyped]

from detectors._numbers import memory, telling
from detectors._numbers.forest import Scores
from detectors._numbers.realm import MOST_WAYS, Entity, Realm, Way
from detectors._numbers.usual import Rows, apart, expected
from detectors._watch.actors import SEPARATOR
from detectors._watch.budget import DIGEST, Budget, Everything, Offer, level_of
from detectors._watch.clock import WINDOW, Clock, minute_of
from detectors._watch.rules import rules
from detectors._watch.telling import seen_last, spent, stamp
from detectors._watch.verdicts import Verdicts, scope_of, scopes
from detectors._watch.watcher import N
from event_model.alert import Match
from event_model.behaviour import Behaviour, Verdict
from event_model.event import Event

log = logging.getLogger(__name__)
UUID = "0d0f4a52-5f0b-4c1c-9a53-3b1f0c9e7f42"
SURE = 0.5  # share of what is expected that must be an entity's own before others are compared with it
HEAVY = 3.0  # degrees of freedom
CALM = 12  # usual windows after which a number may be told of again
FARTHEST = 1e6  # standard deviations
# A forest over raw counts of audit records found nothing on labelled streams (docs/detectors-evaluation.md); this one was
# not scored there, and took a third of the time and a quarter of the memory of a run.
AUDITS = ("kubernetes_audit", "eks_audit", "gke_audit", "aks_audit")


@dataclass(eq=False)
class Detector:
    alerts_a_day: float = 3.0  # of all groups together, on average over a week; 0: all from `floor` up
    most_a_day: float = 12.0  # never more than these in 24 hours: the rest is told at level low
    budgets: dict[str, float] = field(default_factory=dict)  # group -> its own alerts a day
    floor: float = 5.0  # nats below which nothing is told
    entities: int = 2000  # remembered at most, of one format
    leaves_out: list[str] = field(default_factory=lambda: [*AUDITS])  # formats that are not looked at

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.realms: dict[str, Realm] = {}
        self.budget = self._full()
        self.offers: Offer = self.budget if self.alerts_a_day else Everything(self.floor)
        self.verdicts = Verdicts()
        self.unread = 0  # events that a declaration could not read
        self.crowded = 0  # events of entities that there was no room for
        self.late = 0  # events too old for the window they came in
        self.odd = 0  # numbers that are none: negative, infinite, beyond all bounds
        self._behaviour_of: Callable[[str], Behaviour | None] = lambda _: None
        self._declared: dict[str, Behaviour | None] = {}
        self._forget_place()

    def _full(self) -> Budget:
        return Budget(self.alerts_a_day or N, self.most_a_day, self.floor, self.budgets)

    def _forget_place(self) -> None:
        self._format = ""
        self._behaviour: Behaviour | None = None
        self._realm: Realm | None = None
        self._text, self._in_time = "", False

    def attach(self, behaviour_of: Callable[[str], Behaviour | None]) -> None:
        self._behaviour_of, self._declared = behaviour_of, {}
        self._forget_place()

    def inspect(self, events: list[Event]) -> list[Match]:
        matches: list[Match] = []
        for event in events:
            try:
                if event.origin.format != self._format:
                    self._turn_to(event.origin.format)
                if self._behaviour is not None:
                    matches += self._look(event, self._behaviour)
            except Exception:  # an event that a declaration stumbles over must not cost the others
                if not self.unread:  # once: it may fail on every event
                    log.exception("detector failed on an event", extra={"detector": "isolation_forest"})
                self.unread += 1
        return matches

    def retell(self, match: Match, event: Event) -> Match:
        """The reasons are numbers: nothing in them is secret."""
        return msgspec.structs.replace(match, events=(event,))

    def _turn_to(self, name: str) -> None:
        """Go by the declaration of the format that these events have."""
        if name not in self._declared:
            self._declared[name] = None if name in self.leaves_out else self._behaviour_of(name)
        behaviour = self._declared[name]
        self._format, self._behaviour = name, behaviour
        if behaviour is None:
            return
        numbers = list(behaviour.numbers)
        realm = self.realms.get(name)
        if realm is None or realm.shape.names != numbers:  # another version of the format: other columns
            realm = self.realms[name] = Realm(name, numbers, self.entities)
        realm.reads = list(behaviour.numbers.values())
        self._realm = realm

    def _look(self, event: Event, behaviour: Behaviour) -> list[Match]:
        """Count one event in; the matches of the windows that its time has closed."""
        realm = self._realm
        assert realm is not None
        key = behaviour.key(event)
        if key is None:
            return []
        found: list[Match] = []
        text = behaviour.time(event)[:16]
        if text != self._text or not self._in_time:
            found = self._tick(text)
        if not self._in_time:
            self.late += 1
            return found
        place = (event.origin.cluster, key)
        way = realm.ways.get(place)
        if way is None and (
            place in realm.ways or (way := self._meet(realm, place, event, behaviour)) is None
        ):
            return found
        window = way.entity.window or realm.window(way.entity)
        self.odd += window.add(event, way.act, way.kind, way.failed, realm.reads)
        return found

    def _meet(self, realm: Realm, place: Hashable, event: Event, behaviour: Behaviour) -> Way | None:
        facets = behaviour.facets(event)
        if len(realm.ways) >= MOST_WAYS:
            realm.ways.clear()
        way = None
        if facets is not None:
            entity = realm.entity(event.origin.cluster, facets, self.clock)
            if entity is None:
                self.crowded += 1
                return None
            act = crc32(f"{facets.action}\0{facets.namespace}\0{facets.object}".encode("utf-8", "replace"))
            way = Way(entity, act, realm.shape.kind(facets.kind), facets.outcome != "ok")
        realm.ways[place] = way
        return way

    def _tick(self, text: str) -> list[Match]:
        """Go by the time of an event; when a window ends by it, close the windows of all."""
        before = self.clock.window
        self._text = text
        self._in_time = self.clock.turn(text)
        if not self._in_time:
            minute = minute_of(text)
            self._in_time = minute is not None and 0 <= self.clock.minute - minute <= WINDOW
        if self.clock.window == before:
            return []
        matches = [match for realm in self.realms.values() for match in self._close(realm)]
        self.budget.renew(self.clock.flow)
        return matches

    def _close(self, realm: Realm) -> list[Match]:
        """Judge all windows that were open, in one batch, and learn from them."""
        realm.fit()
        entities = sorted(realm.active.values(), key=lambda each: each.name)  # as after a restart
        realm.active = {}
        if not entities:
            return []
        windows = [entity.window for entity in entities if entity.window is not None]
        rows, cases = (
            np.array(each, np.float32) for each in zip(*map(realm.shape.row, windows), strict=True)
        )
        own, peers = [each.habit for each in entities], [each.group.habit for each in entities]
        centre, spread, weight = expected(own, peers)
        far = apart(rows, cases, centre, spread, [column.scale for column in realm.shape.columns])
        far = self._without_benign(realm, entities, far)
        scores = surprise(realm, entities, far, weight)
        matches = []
        for index, entity in enumerate(entities):
            match = self._judge(realm, entity, rows[index], centre[index], far[index], float(scores[index]))
            matches += [match] if match else []
            entity.window, entity.seen = None, self.clock.flow
        realm.learn(entities, rows, squeezed(far), [bool(each >= SURE) for each in weight[:, 0]])
        realm.shed()
        return matches

    def _without_benign(self, realm: Realm, entities: list[Entity], far: Rows) -> Rows:
        if self.verdicts.suppressed:
            for index, entity in enumerate(entities):
                for at, column in enumerate(realm.shape.columns):
                    if self.verdicts.benign(
                        entity, telling.FACET, telling.subject(column), self.clock.minute
                    ):
                        far[index, at] = 0.0
        return far

    def _judge(
        self, realm: Realm, entity: Entity, row: Rows, centre: Rows, far: Rows, score: float
    ) -> Match | None:
        """Tell of a window, once for each number that is unusual."""
        entity.lately.take(score, self.clock.flow)
        unusual = telling.unusual(far, realm.shape.columns)
        fresh = [each for each in unusual if each not in entity.told]
        entity.told = {
            each: 0 if each in unusual else calm + 1 for each, calm in entity.told.items() if calm < CALM
        }
        window = entity.window
        if not fresh or window is None or window.example is None:
            return None
        told = self.offers.offer(_incident(realm, entity), entity.group.name, score, self.clock.flow)
        if told is None:
            return None
        entity.told |= dict.fromkeys(unusual, 0)
        peers = entity.group.habit.centre
        columns = realm.shape.columns
        parts = np.abs(far[list(unusual.values())])
        terms = [
            telling.term(columns[at], row[at], centre[at], peers[at], float(far[at]), score * float(part))
            for at, part in zip(unusual.values(), parts / parts.sum(), strict=True)
        ]
        evidence = telling.evidence(entity, window, terms, score)
        evidence["digest"] = told == DIGEST
        evidence["expected_every_days"] = self.budget.every(entity.group.name, score, self.clock.flow)
        return Match(
            RULES[level_of(told, score)],
            (window.example,),
            telling.reason(evidence),
            {},
            (entity.entity,),
            evidence,
        )

    def usual(self, entity: str, cluster: str | None = None) -> dict[str, Any] | None:
        realm_of = {
            each: realm
            for realm in self.realms.values()
            for each in realm.entities.values()
            if each.entity == entity
        }
        known = seen_last(realm_of, cluster)
        if known is None:
            return None
        found, others = known
        return telling.usual(found, realm_of[found].shape.columns, self.clock.flow) | {
            "first_seen": stamp(found.first),
            "also_in": others,
        }

    def standing(self) -> dict[str, dict[str, float]]:
        realms = self.realms.values()
        stands = {
            "entities": float(sum(len(realm.entities) for realm in realms)),
            "learning": float(not any(realm.model for realm in realms)),
            "reference_windows": float(sum(len(realm.reference) for realm in realms)),
            "unread": float(self.unread),
            "crowded": float(self.crowded),
            "late": float(self.late),
            "odd": float(self.odd),
            "odd_times": float(self.clock.odd),
            **spent(self.budget, self.clock.flow),
        }
        return {"": stands}

    def judge(self, verdict: Verdict) -> None:
        if not self.verdicts.take(verdict, self.clock.minute) or verdict.benign:
            return
        for realm in self.realms.values():
            for entity in realm.entities.values():
                if scope_of(verdict) in scopes(entity):
                    entity.told.clear()
                    self.budget.attack(_incident(realm, entity))

    def snapshot(self) -> bytes:
        return memory.pack(self.clock, self.realms, self.budget, self.verdicts)

    def restore(self, data: bytes) -> None:
        budget = self._full()
        clock, realms, verdicts = memory.unpack(data, budget, self.entities)
        self.clock, self.realms, self.verdicts = clock, realms, verdicts
        self.offers = budget if self.offers is self.budget else self.offers
        self.budget = budget
        self._forget_place()


def _incident(realm: Realm, entity: Entity) -> str:
    """The name under which a budget knows the entity."""
    return SEPARATOR.join((realm.name, entity.name))


def squeezed(far: Rows) -> Rows:
    """Standard deviations on a scale on which distances are not made by the largest alone."""
    return np.arcsinh(np.clip(far, -FARTHEST, FARTHEST)).astype(np.float32)


def surprise(realm: Realm, entities: list[Entity], far: Rows, weight: Rows) -> Scores:
    """Nats of each window: of the model, by how much is known of the entity; while there is no model, the tail of
    Student's t for its largest number, one of so many, as heavy as tails of such numbers are."""
    if realm.model is not None:
        return realm.model.surprise(squeezed(far)) * weight[:, 0]
    freedom = np.clip([len(each.habit.sample) - 1 for each in entities], 1, HEAVY)
    largest = np.abs(far).max(axis=1).astype(float)
    chance = np.minimum(1.0, 2 * realm.width * stdtr(freedom, -largest))
    return np.asarray(-np.log(np.maximum(chance, 1e-30)))


RULES = rules(
    UUID,
    "behaviour_isolation_forest",
    "Numbers that are unusual for an entity and its peers",
    __doc__,
    group_by="container.name",
)
