"""Say which lines are unusual, and what is usual; as sentences and as data, without secrets."""

from __future__ import annotations

from typing import Any

from collector.credentials import mask
from collector.sentences import clean
from detectors._lines.entity import Case, Entity, Term
from detectors._lines.templates import closest
from detectors._lines.writers import Writers
from detectors._watch.clock import WINDOW, Clock
from detectors._watch.lately import risk_of
from detectors._watch.telling import age, attack, counted, days, since, stamp
from detectors._watch.verdicts import Verdicts

SHAPE, BURST = "shape", "burst"  # facets of verdicts: their value is a shape as an alert shows it
WHO = "a container"
SHOWN = 3  # terms in a sentence
MOST_TERMS = 10
MOST_SHAPES = 20  # of what is usual
MOST = 300  # characters of a line


def shown(line: str) -> str:
    """A line as it may be shown: in one line, cut, with secrets replaced."""
    return clean(mask(line[: 4 * MOST]), MOST)


def evidence(
    entity: Entity, case: Case, writers: Writers, verdicts: Verdicts, clock: Clock
) -> dict[str, Any]:
    """Everything that an alert says of an entity's lines, as data: the most telling first."""
    watched = age(entity, clock)
    members = len(writers.entities) - 1
    return {
        "cluster": entity.cluster,
        "entity": entity.entity,
        "group": entity.group.name,
        "score": round(case.score, 1),
        "risk": risk_of(case.score),
        "watched_days": days(watched),
        "minutes": WINDOW,
        "known_shapes": len(entity.shapes),
        "unshaped_lines": entity.unshaped,
        "terms": [
            _burst(term) if term.count else _new(term, members, _mark(term, verdicts, clock), watched)
            for term in case.terms[:MOST_TERMS]
        ],
    }


def _mark(term: Term, verdicts: Verdicts, clock: Clock) -> int | None:
    """The minute at which triage told the shape apart as part of an attack; None where it did not."""
    return verdicts.marked(term.shape.entity, SHAPE, shown(str(term.shape)), clock.minute)


def _burst(term: Term) -> dict[str, Any]:
    shape = shown(str(term.shape))
    text = f"{term.count} lines like `{shape}` in {WINDOW} minutes, usual {_few(term.usual)}{_says(term)}"
    return {
        "facet": BURST, "value": shape, "nats": round(term.nats, 1), "count": term.count,
        "usual": round(term.usual, 3), "said": term.said, "text": text,
        "seen_text": f"{term.count} lines like {shape}", "usual_text": _few(term.usual),
    }  # fmt: skip


def _new(term: Term, members: int, marked: int | None, watched: float) -> dict[str, Any]:
    shape, kin = shown(str(term.shape)), closest(term.shape, term.shape.entity.shapes)
    near = shown(str(kin)) if kin else None
    line = (
        f"first line like `{shape}`{since(watched, WHO)}"
        if marked is None
        else f"again a line like `{shape}`{attack(marked)}"
    )
    who = f"{term.knowing or 'none'} of {counted(members, 'other')} write it"
    text = f"{line}; {who}{_says(term)}"
    return {
        "facet": SHAPE, "value": shape, "nats": round(term.nats, 1), "peers": term.knowing,
        "members": members, "said": term.said, "closest": near,
        "text": f"{text}; closest known: `{near}`" if near else text,
    }  # fmt: skip


def _says(term: Term) -> str:
    return f" (says {', '.join(term.said)})" if term.said else ""


def _few(lines: float) -> str:
    return f"{lines:.2g}" if lines >= 0.01 else "none"


def reason(told: dict[str, Any]) -> str:
    """The evidence as one sentence."""
    parts = "; ".join(term["text"] for term in told["terms"][:SHOWN])
    return f"{told['entity']} ({told['group']}): {parts}"


def usual(entity: Entity, flow: float) -> dict[str, Any]:
    """What an entity usually writes, as data: the commonest shapes with their lines in an active window."""
    often = sorted(entity.shapes, key=lambda shape: -shape.total)[:MOST_SHAPES]
    return {
        "entity": entity.entity,
        "cluster": entity.cluster,
        "group": entity.group.name,
        "first_seen": stamp(entity.first),
        "active_windows": entity.windows,
        "minutes": WINDOW,
        "known_shapes": len(entity.shapes),
        "shapes": [
            {
                "shape": shown(str(shape)),
                "usual": round(shape.total / max(entity.m, 1.0), 3),
                "first_seen": stamp(shape.first),
            }
            for shape in often
        ],
        "risk": entity.lately.risk(flow),
        "learning": entity.young,
    }
