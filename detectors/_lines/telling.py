"""Say which lines are unusual, and what is usual; as sentences and as data, without secrets."""

from __future__ import annotations

from typing import Any

from collector.credentials import mask
from collector.sentences import clean
from detectors._lines.entity import Case, Entity, Term
from detectors._lines.templates import closest
from detectors._lines.writers import Writers
from detectors._watch.clock import WINDOW, Clock
from detectors._watch.evidence import risk_of
from detectors._watch.telling import stamp

SHAPE, BURST = "shape", "burst"  # facets of verdicts: their value is a shape as an alert shows it
SHOWN = 3  # terms in a sentence
MOST_TERMS = 10
MOST_SHAPES = 20  # of what is usual
MOST = 300  # characters of a line


def shown(line: str) -> str:
    """A line as it may be shown: in one line, cut, with secrets replaced."""
    return clean(mask(line[: 4 * MOST]), MOST)


def evidence(entity: Entity, case: Case, writers: Writers, clock: Clock) -> dict[str, Any]:
    """Everything that an alert says of an entity's lines, as data: the most telling first."""
    days = round(max(0, clock.minute - entity.first) / 1440, 1)
    members = len(writers.entities) - 1
    return {
        "cluster": entity.cluster,
        "entity": entity.entity,
        "group": entity.group.name,
        "score": round(case.score, 1),
        "risk": risk_of(case.score),
        "watched_days": days,
        "minutes": WINDOW,
        "known_shapes": len(entity.shapes),
        "unshaped_lines": entity.unshaped,
        "terms": [_term(term, days, members) for term in case.terms[:MOST_TERMS]],
    }


def _term(term: Term, days: float, members: int) -> dict[str, Any]:
    shape = shown(str(term.shape))
    said = f" (says {', '.join(term.said)})" if term.said else ""
    if term.count:
        text = f"{term.count} lines like `{shape}` in {WINDOW} minutes, usual {_few(term.usual)}{said}"
        return {
            "facet": BURST, "value": shape, "nats": round(term.nats, 1), "count": term.count,
            "usual": round(term.usual, 3), "said": term.said, "text": text,
            "seen_text": f"{term.count} lines like {shape}", "usual_text": _few(term.usual),
        }  # fmt: skip
    kin = closest(term.shape, term.shape.entity.shapes)
    near = shown(str(kin)) if kin else None
    who = f"{term.knowing or 'none'} of {members} others write it"
    text = f"first line like `{shape}` in {days:.1f} days; {who}{said}"
    return {
        "facet": SHAPE, "value": shape, "nats": round(term.nats, 1), "peers": term.knowing,
        "members": members, "said": term.said, "closest": near,
        "text": f"{text}; closest known: `{near}`" if near else text,
    }  # fmt: skip


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
