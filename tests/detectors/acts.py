"""Acts of made-up accounts, and ordinary days of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec

from event_model.alert import Match
from event_model.behaviour import Behaviour, Facets
from event_model.event import Event, Origin
from tests.detectors.traffic import START, event_of

CLUSTER = Origin("audit", "acts")
PLACES: dict[str, Origin] = {}
PRIORS = {"read": -1.0, "secret read": 2.0, "exec": 2.0, "write": 0.0}
DECLARED = Behaviour(
    key=lambda event: event.native, facets=lambda event: event.native, priors=lambda: PRIORS, realm="cluster"
)
OTHERS = ("services", "nodes", "endpoints", "ingresses", "jobs")
APPS = [f"app{number}" for number in range(12)]


def made(detector: Any) -> Any:
    """The detector, told how to read acts."""
    detector.attach(lambda format: DECLARED if format == CLUSTER.format else None)
    return detector


def act(actor: str, action: str, moment: datetime, kind: str = "read", **more: Any) -> Event:
    facets = {
        "group": "application",
        "namespace": "its own",
        "source": "10.0.0.0/24",
        "client": "sdk",
        **more,
    }
    return event_of(Facets(actor=actor, action=action, kind=kind, **facets), moment, CLUSTER)


def ordinary(days: float, start: datetime = START, actors: Iterable[str] = APPS) -> Iterator[Event]:
    """Every ten minutes each account lists pods and gets its configuration; five more acts come one after the other."""
    names = list(actors)
    for step in range(int(days * 144)):
        moment = start + timedelta(minutes=10 * step)
        for number, name in enumerate(names):
            yield act(name, "list pods", moment)
            yield act(name, "get configmaps", moment, object=f"configmap {name}")
            if (step - number) % 24 == 0:
                yield act(name, f"list {OTHERS[step // 24 % 5]}", moment)


def told(detector: Any, events: Iterable[Event]) -> list[Match]:
    """What the detector says of events, in batches."""
    matches: list[Match] = []
    waiting = iter(events)
    while batch := list(islice(waiting, 500)):
        matches += detector.inspect(batch)
    return matches


def theft(moment: datetime, actor: str = "app3") -> Event:
    """A stolen token: secrets are listed from elsewhere, with a tool."""
    return act(actor, "list secrets", moment, "secret read", source="203.0.113.0/24", client="curl")


def on(cluster: str, event: Event) -> Event:
    """The same act on another cluster."""
    return msgspec.structs.replace(
        event, origin=PLACES.setdefault(cluster, Origin("audit", "acts", "", cluster))
    )


def after(days: float) -> datetime:
    return START + timedelta(days=days)
