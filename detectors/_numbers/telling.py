"""Say which numbers of a window are unusual, and what would be usual; as sentences and as data."""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors._numbers.realm import Entity
from detectors._numbers.usual import Rows
from detectors._numbers.window import Column, Window, back
from detectors._watch.clock import WINDOW
from detectors._watch.lately import risk_of

FAR = 4.0  # standard deviations from which a number is told of
SHOWN = 4
FACET = "number"  # of verdicts: their value is what a number is about


def unusual(far: Rows, columns: list[Column]) -> dict[str, int]:
    """The columns that are far from usual by what they are about, the farthest first: of mean, p95 and total of a
    number only one."""
    order = [int(each) for each in np.argsort(-np.abs(far)) if abs(far[each]) >= FAR and columns[each].name]
    found: dict[str, int] = {}
    for each in order:
        found.setdefault(subject(columns[each]), each)
    return found


def subject(column: Column) -> str:
    """What a column is about: `duration` of `p95 of duration`."""
    return column.name.removeprefix("mean ").removeprefix("p95 of ").removeprefix("total ")


def term(column: Column, row: float, centre: float, peers: float, far: float, nats: float) -> dict[str, Any]:
    """One unusual number, as data with its sentence; `nats` is its part of the score."""
    seen, usual, theirs = (None if np.isnan(each) else back(column, each) for each in (row, centre, peers))
    texts = [shown(each, column.unit) for each in (seen, usual, theirs)]
    return {
        "facet": FACET,
        "value": subject(column),
        "feature": column.name,
        "nats": round(nats, 1),
        "unit": column.unit,
        "seen": seen,
        "usual": usual,
        "peers_usual": theirs,
        "seen_text": f"{column.name} {texts[0]}",
        "usual_text": texts[1],
        "deviations": round(far, 1),
        "text": f"{column.name} {texts[0]}, usual {texts[1]} (peers {texts[2]})",
    }


def evidence(entity: Entity, window: Window, terms: list[dict[str, Any]], score: float) -> dict[str, Any]:
    """Everything that an alert says of a window, as data: the unusual numbers, farthest first."""
    return {
        "cluster": entity.cluster,
        "entity": entity.entity,
        "group": entity.group.name,
        "score": round(score, 1),
        "risk": risk_of(score),
        "events": window.count,
        "minutes": WINDOW,
        "known_windows": entity.habit.sample.seen,
        "terms": terms,
    }


def usual(entity: Entity, columns: list[Column], flow: float) -> dict[str, Any]:
    """What is usual for an entity in one window, as data: the middle of each number, and whom it was learnt from."""
    centre = entity.habit.centre
    numbers = {
        column.name: {"usual": back(column, float(centre[at])), "unit": column.unit}
        for at, column in enumerate(columns)
        if column.name and not np.isnan(centre[at])
    }
    return {
        "entity": entity.entity,
        "cluster": entity.cluster,
        "group": entity.group.name,
        "known_windows": entity.habit.sample.seen,
        "minutes": WINDOW,
        "numbers": numbers,
        "risk": entity.lately.risk(flow),
    }


def reason(told: dict[str, Any]) -> str:
    """The evidence as one sentence."""
    parts = "; ".join(each["text"] for each in told["terms"][:SHOWN])
    return (
        f"{told['entity']} ({told['group']}), {told['events']} events in {told['minutes']} minutes: {parts}"
    )


def shown(value: float | None, unit: str) -> str:
    """A number as people read it: `2.3 s`, `40 ms`, `1.2 MB`, `31 %`."""
    if value is None:
        return "none"
    if unit == "share":
        return f"{value * 100:.2g} %" if value < 0.995 else "100 %"
    if unit == "seconds":
        return f"{value:.2g} s" if value >= 0.1 else f"{value * 1000:.2g} ms"
    if unit == "bytes":
        for name, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
            if value >= size:
                return f"{value / size:.3g} {name}"
        return f"{value:.0f} B"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
