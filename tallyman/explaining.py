"""Say in lines of text why a detector told of something, and what is usual for an entity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from detectors._watch.clock import DAY
from detectors._watch.telling import every, lasting

MOST_SHOWN = 8  # values of one kind


def evidence(found: Mapping[str, Any]) -> Iterator[str]:
    """The terms of a score, largest first, with what is told besides; nothing for an alert of a rule."""
    if not found:
        return
    yield f"{found.get('score', 0):>7.1f}  nats of evidence; risk {found.get('risk', 0)} of 100{_expected(found)}"
    texts = [term.get("text") or _plain(term) for term in found.get("terms", ())]
    for term, text in zip(found.get("terms", ()), texts, strict=True):
        yield f"{term.get('nats', 0):>+7.1f}  {text}"
    if found.get("gathered"):
        yield f"{found['gathered']:>7.1f}  nats of evidence in the past hours"
    if found.get("off_hours"):
        yield f"{found['off_hours']:>+7.1f}  at an unusual hour"
    for rate in (each for each in found.get("rates", ()) if each.get("text") not in texts):
        yield f"{'rate':>7}  {rate.get('text', '')}"


def each_once(by_detector: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """What is usual by detector, without what one before has said already."""
    said: set[tuple[str, str]] = set()
    for detector, known in by_detector.items():
        lines = [line for line in usual(known) if line not in said]
        said.update(lines)
        if lines:
            yield detector, lines


def usual(known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is usual, as names and values: groups of values unpacked, then everything else that is told."""
    for name, value in known.items():
        if name == "entity" or value in (None, "", [], {}):
            continue
        if name == "values" and isinstance(value, Mapping):
            yield from usual(value)
        elif name == "watched_days":
            yield "watched", lasting(value * DAY)
        elif name == "hours":
            yield "hours (UTC)", hours(value)
        else:
            yield name.replace("_", " "), _value(value)


def hours(found: list[int]) -> str:
    """`8-18, 22` of hours of the day."""
    parts: list[list[int]] = []
    for hour in sorted(found):
        if parts and hour == parts[-1][-1] + 1:
            parts[-1].append(hour)
        else:
            parts.append([hour])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _expected(found: Mapping[str, Any]) -> str:
    days = found.get("expected_every_days")
    return f"; to be expected at most once {every(days)}" if days else ""


def _plain(term: Mapping[str, Any]) -> str:
    return f"{term.get('facet', '')}: {term.get('value', '')}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping) and "usual" in value:
        return f"{_value(value['usual'])}{' ' if value.get('unit') else ''}{value.get('unit') or ''}"
    if isinstance(value, Mapping):
        return _value([f"{name} {_value(each)}" for name, each in value.items()])
    if isinstance(value, list | tuple):
        more = f" and {len(value) - MOST_SHOWN} more" if len(value) > MOST_SHOWN else ""
        return ", ".join(_value(each) for each in value[:MOST_SHOWN]) + more
    return str(value)
