"""The budget: N alerts a day on average, never more than the cap, one an incident."""

from __future__ import annotations

import random

from detectors._watch.budget import ALERT, DIGEST, Budget
from detectors._watch.clock import DAY, HOUR


def calm(budget: Budget, days: int, seed: int = 1) -> list[float]:
    """Forty incidents a day with scores as ordinary days have them; the times at which one was told."""
    rng, told = random.Random(seed), []
    for hour in range(days * 24):
        flow = hour * HOUR
        budget.renew(flow)
        for number in range(2):
            if budget.offer(f"actor{hour}-{number}", "people", 4 + rng.expovariate(0.5), flow) is not None:
                told.append(flow)
    return told


def test_in_calm_weeks_no_more_than_n_a_day_are_told() -> None:
    for n in (1.0, 3.0, 10.0):
        told = [flow for flow in calm(Budget(n, 10 * n, 4.0), 28) if flow > 7 * DAY]
        assert 0.6 * n * 21 < len(told) <= 1.05 * n * 21


def test_an_incident_is_told_once_in_an_hour() -> None:
    budget = Budget(3.0, 12.0, 10.0)
    assert budget.offer("a", "people", 20.0, 0.0) == ALERT
    assert budget.offer("a", "people", 30.0, 60.0) is None
    assert budget.offer("a", "people", 30.0, HOUR + 60.0) == ALERT


def test_beyond_the_cap_alerts_go_to_the_digest() -> None:
    budget = Budget(3.0, 12.0, 10.0)
    told = [budget.offer(f"a{number}", "people", 50.0, number * 60.0) for number in range(20)]
    assert told.count(ALERT) == 6
    assert told.count(DIGEST) == 14
    day = [budget.offer(f"b{minute}", "people", 50.0, minute * 60.0) for minute in range(20, 1440)]
    assert told.count(ALERT) + day.count(ALERT) <= 12


def test_nothing_below_the_floor_is_told() -> None:
    assert Budget(3.0, 12.0, 10.0).offer("a", "people", 9.9, 0.0) is None


def test_confirmed_attacks_do_not_raise_the_threshold() -> None:
    budget = Budget(3.0, 12.0, 4.0)
    calm(budget, 8)
    before = budget.pool("").threshold
    for hour in range(24):
        budget.offer("mallory", "people", 60.0, 8 * DAY + 2 * hour * HOUR)
    budget.renew(10 * DAY + 2 * HOUR)
    raised = budget.pool("").threshold
    budget.attack("mallory")
    budget.renew(10 * DAY + 4 * HOUR)
    assert raised > before + 1
    assert abs(budget.pool("").threshold - before) < 1


def test_a_group_with_its_own_budget_takes_nothing_from_the_others() -> None:
    budget = Budget(3.0, 12.0, 10.0, {"anonymous": 1.0})
    for number in range(50):
        budget.offer(f"stranger{number}", "anonymous", 50.0, number * 60.0)
    assert budget.offer("a", "people", 20.0, HOUR) == ALERT
