"""The facets whose values are learnt, and how much something new in each of them weighs."""

from __future__ import annotations

from typing import NamedTuple

from event_model.behaviour import Facets


class Aspect(NamedTuple):
    """One facet. `weight` and `cap` are of its evidence; of several new values each further one counts `fade` as much."""

    name: str
    weight: float
    cap: float  # nats in one window
    fade: float
    whole_prior: bool  # the act's own prior counts whole; else half, where it is above 0


ASPECTS = (
    Aspect("action", 1.0, 14, 0.6, True),
    Aspect("namespace", 0.7, 7, 0.6, False),
    Aspect("source", 1.0, 9, 0.6, False),
    Aspect("client", 1.0, 9, 0.6, False),
    Aspect("outcome", 0.7, 6, 0.6, True),
    Aspect("place", 0.6, 7, 0.6, True),
    Aspect("object", 0.35, 9, 0.8, True),  # names are many: a reader of one secret reads the next
    Aspect("image", 1.0, 9, 0.6, False),
)
ACTION, NAMESPACE, SOURCE, CLIENT, OUTCOME, PLACE, OBJECT, IMAGE = range(8)
NAMES = tuple(aspect.name for aspect in ASPECTS)
WIDTH = len(ASPECTS)

Values = tuple[tuple[int, str], ...]  # (aspect, value)


def values_of(facets: Facets) -> Values:
    """The values of an event, in the order in which they are judged."""
    found: list[tuple[int, str]] = [(ACTION, facets.action)]
    if facets.namespace:
        found.append((NAMESPACE, facets.namespace))
    if facets.source:
        found.append((SOURCE, facets.source))
    if facets.client:
        found.append((CLIENT, facets.client))
    found.append((OUTCOME, f"{facets.action}: {facets.outcome}"))
    if facets.namespace:
        found.append((PLACE, f"{facets.action} in {facets.namespace}"))
    if facets.object:
        found.append((OBJECT, facets.object))
    found += [(IMAGE, image) for image in facets.images]
    return tuple(found)
