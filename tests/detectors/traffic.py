"""Ordinary traffic for the detectors' tests: seeded, days of it, with the irregularities that real systems have."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from math import cos, pi
from typing import Any

import msgspec

from event_model.behaviour import Behaviour, Facets
from event_model.event import Event, Origin, Record

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
MESH = Origin("mesh", "mesh")


class Request(msgspec.Struct, frozen=True):
    """One line of a proxy's access log, as a service mesh will give it."""

    service: str
    caller: str
    status: int
    duration: float  # seconds
    sent: float  # bytes


def mesh_behaviour() -> Behaviour:
    """The declaration that the format of a mesh would make."""
    return Behaviour(
        key=lambda event: (event.native.service, event.native.caller, event.native.status),
        facets=lambda event: Facets(
            event.native.service,
            "services",
            f"call from {event.native.caller}",
            "request",
            outcome="ok" if event.native.status < 500 else "failed",
        ),
        numbers={
            "duration": lambda event: event.native.duration,
            "sent bytes": lambda event: event.native.sent,
        },
    )


def event_of(native: Any, moment: datetime, origin: Origin = MESH) -> Event:
    """An event that holds a native record as it is."""
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    raw = msgspec.json.encode([stamp, native])
    return Event(Record(raw), origin, native, lambda event: str(event.native), stamp, origin.format)


def busy(moment: datetime) -> float:
    """How busy people are: 1 on a weekday's afternoon, a quarter at night, half of it at weekends."""
    hour = moment.hour + moment.minute / 60
    day = 0.625 - 0.375 * cos(2 * pi * (hour - 3) / 24)
    return day * (0.5 if moment.weekday() > 4 else 1.0)


def mesh(days: float, seed: int, services: int = 8, a_minute: float = 6.0) -> Iterator[Event]:
    """Requests to some services: each with its own rate, size, duration and share of errors, by day and by night;
    with slow minutes, retries in a bunch and a release now and then."""
    chance = random.Random(seed)
    shapes = [
        (f"svc-{n}", chance.uniform(0.5, 1.5) * a_minute, chance.uniform(-4.5, -1.5), chance.uniform(6, 10),
         chance.choice([0.0, 0.001, 0.005]))
        for n in range(services)
    ]  # fmt: skip
    callers = ["web", "mobile", "batch", "cron"]
    for minute in range(int(days * 1440)):
        moment = START + timedelta(minutes=minute)
        for at, (service, rate, pace, size, errors) in enumerate(shapes):
            slow = 1.6 if (minute // 7 + at * 13) % 97 == 0 else 1.0
            many = rate * busy(moment) * (3 if chance.random() < 0.01 else 1)
            for _ in range(poisson(many, chance)):
                second = moment + timedelta(seconds=chance.uniform(0, 60))
                status = 503 if chance.random() < errors else 404 if chance.random() < 0.01 else 200
                took = chance.lognormvariate(pace, 0.5) * slow
                request = Request(
                    service, chance.choice(callers), status, took, chance.lognormvariate(size, 0.8)
                )
                yield event_of(request, second)


def poisson(mean: float, chance: random.Random) -> int:
    """How many of something that happens `mean` times on average."""
    left, count = chance.expovariate(1.0), 0
    while left < mean:
        left += chance.expovariate(1.0)
        count += 1
    return count


def merged(*streams: Iterable[Event]) -> list[Event]:
    """All events by their time."""
    return sorted((event for stream in streams for event in stream), key=lambda event: event.timestamp)


def batches(events: list[Event], size: int = 500) -> Iterator[list[Event]]:
    for start in range(0, len(events), size):
        yield events[start : start + size]


class Sample(msgspec.Struct, frozen=True):
    """One look at a queue, as the management API of a broker gives it every minute."""

    queue: str
    ready: float  # messages that wait
    delivered: float  # messages in the last minute
    size: float  # bytes delivered in the last minute


BROKER = Origin("broker", "broker")


def broker_behaviour() -> Behaviour:
    """The declaration that the format of a broker would make."""
    return Behaviour(
        key=lambda event: event.native.queue,
        facets=lambda event: Facets(event.native.queue, "queues", "report", "sample"),
        numbers={
            "ready messages": lambda event: event.native.ready,
            "delivered messages": lambda event: event.native.delivered,
            "delivered bytes": lambda event: event.native.size,
        },
    )


def broker(days: float, seed: int, queues: int = 6) -> Iterator[Event]:
    """Looks at some queues: each with its own traffic by day and by night, a backlog now and then."""
    chance = random.Random(f"broker {seed}")
    shapes = [(f"queue-{n}", chance.uniform(20, 400), chance.uniform(5, 8)) for n in range(queues)]
    backlog = [0.0] * queues
    for minute in range(int(days * 1440)):
        moment = START + timedelta(minutes=minute, seconds=3)
        for at, (queue, rate, size) in enumerate(shapes):
            delivered = rate * busy(moment) * chance.lognormvariate(0, 0.2)
            backlog[at] = backlog[at] * 0.9 + (rate * 4 if chance.random() < 0.001 else chance.uniform(0, 6))
            sample = Sample(queue, backlog[at], delivered, delivered * chance.lognormvariate(size, 0.1))
            yield event_of(sample, moment, BROKER)
