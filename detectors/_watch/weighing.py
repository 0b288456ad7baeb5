"""Weigh what is new to an actor in a window; when the window ends it is new no longer."""

from __future__ import annotations

from collections.abc import Sequence

from detectors._watch import counts
from detectors._watch.actors import Actor, Tally
from detectors._watch.aspects import ACTION, ASPECTS, NAMESPACE, OUTCOME, PLACE, WIDTH, Values
from detectors._watch.case import MOST_NEW, Case
from detectors._watch.clock import Clock
from detectors._watch.evidence import term
from detectors._watch.verdicts import Verdicts
from event_model.behaviour import Facets
from event_model.event import Event

MOST_COUNTED = 3  # new values of one window: a burst is one visit to a new place, not a habit of novelty


class Way:
    """One way to act: what all events of one key have in common."""

    __slots__ = ("actor", "day", "facets", "prior", "tally", "values")

    def __init__(self, actor: Actor, facets: Facets, values: Values, tally: Tally, prior: float) -> None:
        self.actor, self.facets, self.values, self.tally, self.prior = actor, facets, values, tally, prior
        self.day = -1  # of the stream, when it was seen last

    def seen(self, day: int) -> list[tuple[int, str]]:
        """The first event of this way on this day: its values are not forgotten. Those that the actor does not know."""
        self.day, known, fresh = day, self.actor.known, []
        for pair in self.values:
            aspect, value = pair
            if value in known[aspect]:
                known[aspect][value] = day
            else:
                fresh.append(pair)
        return fresh


def weigh(
    way: Way,
    event: Event,
    fresh: list[tuple[int, str]],
    verdicts: Verdicts,
    weight: float,
    minute: int,
) -> bool:
    """Weigh values that are new to the actor, each once in a window. Whether that is evidence."""
    actor = way.actor
    case: Case = actor.case or Case()
    actor.case = case
    unseen = [pair for pair in fresh if pair not in case.new]
    if not unseen or len(case.new) >= MOST_NEW:
        return False
    before, case.minute = len(case.terms), minute
    _add(way, case, unseen, verdicts, weight, minute)
    if len(case.terms) == before:
        return False
    case.take(event)
    return True


def _add(
    way: Way, case: Case, unseen: Sequence[tuple[int, str]], verdicts: Verdicts, weight: float, minute: int
) -> None:
    """Add the evidence of new values. What follows from another new value is no evidence besides."""
    actor, facets = way.actor, way.facets
    new_act = facets.action not in actor.known[ACTION]
    new_place = facets.namespace is not None and facets.namespace not in actor.known[NAMESPACE]
    for aspect, value in unseen:
        case.new[aspect, value] = value not in actor.realm.known[aspect]
        follows = (aspect == OUTCOME and new_act and facets.outcome == "ok") or (
            aspect == PLACE and (new_act or new_place)
        )
        if not follows and not verdicts.benign(actor, ASPECTS[aspect].name, value, minute):
            case.add(term(actor, weight, aspect, value, case.counts[aspect], way.prior, facets.kind))


def learn(actor: Actor, case: Case, verdicts: Verdicts, clock: Clock, most: int) -> None:
    """What was new is known from now on, even when it raised an alarm: otherwise it would for ever.

    The actor remembers `most` values, of those that it showed last.
    """
    news, unseen = [0] * WIDTH, [0] * WIDTH
    for (aspect, value), fresh in case.new.items():
        news[aspect] += 1
        unseen[aspect] += fresh
        if not verdicts.keeps(actor, ASPECTS[aspect].name, value, case.minute):
            actor.realm.learn(actor, aspect, value, clock.day)
    for aspect, count in enumerate(news):
        if count:
            kept = min(count, MOST_COUNTED) * clock.weight
            counts.renewed(actor, aspect, kept, kept * unseen[aspect] / count)
    actor.realm.trim(actor, most)
