"""What one would write first: an isolation forest over raw counts of a window, and the number of first-seen values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.detection.facts import Facts
from detectors._watch.aspects import values_of
from detectors._watch.clock import minute_of
from event_model.behaviour import Facets

WINDOW = 5  # minutes
TREES = 100
KINDS = (
    "secret read",
    "exec",
    "rbac write",
    "workload write",
    "config map read",
    "token",
    "write",
    "read",
    "delete",
)
Window = tuple[str, int]  # (actor, number)


def windows(facts: Facts) -> Iterator[tuple[Window, list[int]]]:
    """The events of each actor's window, by number, windows in order of their ends."""
    current, found = -1, dict[str, list[int]]()
    for number, (key, time) in enumerate(zip(facts.keys, facts.times, strict=True)):
        window = (minute_of(time[:16]) or 0) // WINDOW
        if window != current:
            yield from (((actor, current), events) for actor, events in found.items())
            current, found = window, {}
        facets = facts.facets[key]
        if facets is not None:
            found.setdefault(facets.actor, []).append(number)
    yield from (((actor, current), events) for actor, events in found.items())


def isolation_forest(facts: Facts, train: float, seed: int = 0) -> Iterator[dict[str, Any]]:
    """scikit-learn's forest on the raw counts of windows, trained on those before `train` (minutes since the epoch)."""
    from sklearn.ensemble import IsolationForest

    rows, places = [], []
    for (actor, window), events in windows(facts):
        rows.append(counts([facts.facets[facts.keys[each]] for each in events]))
        places.append((actor, window, events))
    table = np.array(rows, dtype=np.float32)
    past = np.array([window * WINDOW < train for _, window, _ in places])
    forest = IsolationForest(n_estimators=TREES, random_state=seed).fit(table[past])
    test = np.flatnonzero(~past)
    scores = -forest.score_samples(table[test])
    for index, score in zip(test, scores, strict=True):
        actor, _, events = places[index]
        yield alert(facts, events, actor, float(score))


def counts(seen: list[Facets | None]) -> list[float]:
    """One window as numbers: events, different values of each facet, errors, kinds of acts."""
    acts = [each for each in seen if each is not None]
    different = [
        len({getattr(each, name) for each in acts})
        for name in ("action", "namespace", "source", "client", "object")
    ]
    errors = sum(each.outcome != "ok" for each in acts)
    return [len(acts), *different, errors, *(sum(each.kind == kind for each in acts) for kind in KINDS)]


def first_seen(facts: Facts, train: float) -> Iterator[dict[str, Any]]:
    """How many values of four facets an actor shows for the first time in a window, raised at the window's close."""
    known: set[tuple[str, int, str]] = set()
    for (actor, window), events in windows(facts):
        new = set()
        for each in events:
            facets = facts.facets[facts.keys[each]]
            if facets is not None:
                new |= {(actor, *value) for value in values_of(facets) if value[0] < 4} - known
        known |= new
        if new and window * WINDOW >= train:
            yield alert(facts, events, actor, float(len(new)))


def alert(facts: Facts, events: list[int], actor: str, score: float) -> dict[str, Any]:
    return {
        "time": facts.times[events[-1]],
        "score": score,
        "entity": actor,
        "event_ids": [facts.ids[each] for each in events[:100]],
    }
