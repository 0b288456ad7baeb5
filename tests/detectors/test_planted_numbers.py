"""Days of a mesh and of a broker, as their formats will give them, with a slow service and a leak among them."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from event_model.alert import Match
from event_model.event import Event
from tests.detectors.traffic import BROKER, START, Request, Sample, broker, event_of, merged, mesh
from tests.detectors.watching import made, parted, told

DAYS = 4
AT = START + timedelta(days=DAYS - 1, hours=13)


def slow() -> list[Event]:
    """A service that answers slowly, and often with errors, for ten minutes."""
    chance = random.Random(1)
    return [
        event_of(
            Request("svc-1", "web", 503 if chance.random() < 0.4 else 200, chance.lognormvariate(0.8, 0.4), 2000.0),
            AT + timedelta(seconds=chance.uniform(0, 600)),
        )
        for _ in range(60)
    ]  # fmt: skip


def leak() -> list[Event]:
    """A few answers of a megabyte from a service that sends kilobytes."""
    chance = random.Random(2)
    moment = AT + timedelta(hours=3)
    return [
        event_of(
            Request("svc-2", "web", 200, chance.lognormvariate(-3, 0.5), chance.lognormvariate(14, 0.8)),
            moment + timedelta(seconds=n),
        )
        for n in range(15)
    ]


def drained() -> list[Event]:
    """A queue is emptied faster than it ever was, for five minutes."""
    moment = AT + timedelta(hours=1)
    return [
        event_of(Sample("queue-3", 2.0, 9000.0, 9e8), moment + timedelta(minutes=n), BROKER) for n in range(5)
    ]


@pytest.fixture(scope="module", params=[1, 2])
def days(request: pytest.FixtureRequest) -> tuple[list[Match], list[Event]]:
    planted = [*slow(), *leak()]
    return told(made("isolation_forest"), merged(mesh(DAYS, request.param, 6, 3.0), planted)), planted


def test_a_slow_and_failing_service_is_told_with_what_is_usual(days: tuple[list[Match], list[Event]]) -> None:
    match = next(match for match in days[0] if match.evidence["entity"] == "svc-1")
    terms = {term["feature"]: term for term in match.evidence["terms"]}
    assert terms["error share"]["seen"] > 0.1 > terms["error share"]["usual"]
    assert any("duration" in name and term["seen"] > 5 * term["usual"] for name, term in terms.items())
    assert "error share" in match.reason
    assert "usual 0 %" in match.reason


def test_a_leak_is_told_by_its_bytes(days: tuple[list[Match], list[Event]]) -> None:
    match = next(match for match in days[0] if match.evidence["entity"] == "svc-2")
    assert "sent bytes" in match.evidence["terms"][0]["feature"]
    assert match.evidence["terms"][0]["seen"] > 20 * match.evidence["terms"][0]["usual"]


def test_the_ordinary_days_are_quiet(days: tuple[list[Match], list[Event]]) -> None:
    _, others = parted(*days)
    theirs = [match for match in others if match.evidence["entity"] not in ("svc-1", "svc-2")]
    assert len(theirs) <= 1
    assert len(days[0]) <= 3


@pytest.mark.parametrize("seed", [1, 2])
def test_a_queue_that_is_drained_is_told_above_the_backlogs_of_ordinary_days(seed: int) -> None:
    matches = told(made("isolation_forest"), merged(broker(DAYS, seed), drained()))
    assert len(matches) <= 3
    highest = max(matches, key=lambda match: float(match.evidence["score"]))
    assert highest.evidence["entity"] == "queue-3"
    assert any("delivered" in term["feature"] for term in highest.evidence["terms"])
