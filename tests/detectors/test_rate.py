"""Rate: far more of one kind of act than is usual for the actor, its peers and the hour."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors._watch.counts import mean_of, spread_of, surprise, tail
from detectors.rate import CHOICE, Detector
from event_model.event import Event
from tests.detectors.acts import act, after, made, ordinary, told

DAYS = 3.0


def burst(actor: str, count: int, moment: datetime, kind: str = "read") -> list[Event]:
    return [act(actor, "list pods", moment, kind) for _ in range(count)]


def test_a_burst_is_told_while_it_happens() -> None:
    detector: Detector = made(Detector())
    assert told(detector, ordinary(DAYS)) == []
    events = burst("app3", 400, after(DAYS))
    (match,) = detector.inspect(events)
    assert events.index(match.events[-1]) < 200
    assert match.group == ("app3",)
    assert "times read in 5 minutes, usual 2.1" in match.reason


def test_a_burst_is_told_on_the_very_event_that_makes_it_one() -> None:
    detector: Detector = made(Detector(alerts_a_day=0))
    told(detector, ordinary(DAYS))
    events = burst("app3", 400, after(DAYS))
    match = detector.inspect(events)[0]
    (tally,) = detector.watch.named("app3")[0].tallies.values()
    clock = detector.watch.clock
    mean, scatter = mean_of(tally, clock.weight, clock.hour), spread_of(tally, clock.weight)
    first = next(n for n in range(1, 400) if surprise(n, mean, scatter) - CHOICE >= detector.floor)
    assert events.index(match.events[-1]) + 1 == first


@given(st.floats(0.01, 200), st.floats(0.02, 60), st.integers(1, 2000), st.integers(1, 300))
def test_a_count_is_not_looked_at_again_before_it_can_matter(
    mean: float, scatter: float, count: int, more: int
) -> None:
    nats, each = tail(count, mean, scatter)
    if count > mean and nats < 25.0:  # where the tail is cut off
        assert surprise(count + more, mean, scatter) <= nats + more * each + 1e-6 * (1 + more)


def test_what_comes_every_night_is_usual_at_that_hour_and_for_nobody_else() -> None:
    def days(count: int) -> Iterator[Event]:
        for day in range(count):
            for event in ordinary(1, after(day)):
                yield event
                if event.timestamp[11:16] == "02:00" and event.native.actor == "app3":
                    yield from burst("app3", 60, datetime.fromisoformat(event.timestamp))

    detector: Detector = made(Detector())
    told(detector, days(6))
    assert detector.inspect(burst("app3", 60, after(6) + timedelta(hours=2))) == []
    assert detector.inspect(burst("app4", 60, after(6) + timedelta(hours=2)))
    (tally,) = detector.watch.named("app3")[0].tallies.values()
    weight = detector.watch.clock.weight
    assert mean_of(tally, weight, 2) > 2 * mean_of(tally, weight, 14)


def test_on_the_first_day_a_burst_says_little() -> None:
    detector: Detector = made(Detector())
    assert told(detector, [*ordinary(0.02), *burst("app3", 100, after(0.02))]) == []


@pytest.mark.parametrize(("count", "mean", "scatter"), [(5, 1.0, 0.5), (40, 10.0, 0.2), (3, 0.01, 0.5)])
def test_the_tail_is_that_of_the_negative_binomial(count: int, mean: float, scatter: float) -> None:
    r, p = 1 / scatter, 1 / (1 + scatter * mean)
    below = sum(
        math.exp(
            math.lgamma(k + r) - math.lgamma(r) - math.lgamma(k + 1) + r * math.log(p) + k * math.log(1 - p)
        )
        for k in range(count)
    )
    assert surprise(count, mean, scatter) == pytest.approx(-math.log(1 - below), abs=1e-3)
