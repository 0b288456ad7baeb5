"""Look at a whole recorded log with every shipped rule, as a scan does, and note what is above low."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from collector.formats import FORMATS
from event_model.event import Event, Origin, Record
from rules.engine import SHIPPED, Engine, load

ABOVE_LOW = ("medium", "high", "critical")
BATCH = 1000


class Alarm(NamedTuple):
    """One rule met by one record."""

    rule: str
    level: str
    record: str  # what the record is known by: auditID, or timeNano
    user: str
    address: str
    reason: str


@cache
def engine() -> Engine:
    pack = load([SHIPPED])
    assert not pack.errors, pack.errors
    return Engine(pack.rules)


@cache
def alarms(path: Path, name: str) -> tuple[Alarm, ...]:
    """What the rules above low find in a log of the format `name`."""
    form, origin = FORMATS.make(name), Origin(source="test", format=name)
    events = (
        form.normalize(Record(bytes(piece)), origin) for line in _lines(path) for piece in form.split(line)
    )
    found = []
    while batch := list(islice(events, BATCH)):
        found += [_alarm(each.rule, each.events[-1], each.reason) for each in engine().inspect(batch)]
    assert engine().failed == 0, "a rule broke on a record"
    return tuple(each for each in found if each.level in ABOVE_LOW)


def _alarm(rule: Any, event: Event, reason: str) -> Alarm:
    record = getattr(event.native, "auditID", None) or str(event.native.timeNano)
    return Alarm(rule.rule_id, rule.level, record, event.user_name or "", event.source_ip or "", reason)


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        for line in lines:
            yield line.rstrip(b"\n")


def acts(path: Path) -> list[dict[str, Any]]:
    """The acts that a file of labels tells of."""
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return found


def records(act: dict[str, Any]) -> list[str]:
    """What an act's records are known by."""
    return [*act.get("auditIDs", ()), *(str(event["timeNano"]) for event in act.get("events", ()))]


def kinds(labels: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Record -> the kinds of the acts that it is part of."""
    known: dict[str, set[str]] = {}
    for act in labels:
        for record in records(act):
            known.setdefault(record, set()).add(act["kind"])
    return known
