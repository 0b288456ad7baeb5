"""The budget: N alerts a day on average, never more than the cap, one an incident."""

from __future__ import annotations

import random

from detectors._watch.budget import ALERT, DIGEST, WINDOWS, Budget
from detectors._watch.clock import DAY, HOUR
from detectors._watch.telling import spent


def calm(budget: Budget, days: int, seed: int = 1) -> list[float]:
    """Forty incidents a day with scores as ordinary days have them; the times at which one was told."""
    rng, told = random.Random(seed), []
    for hour in range(days * 24):
        flow = hour * HOUR
        for window in range(WINDOWS):
            budget.renew(flow + window * HOUR / WINDOWS)
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


def test_an_incident_that_becomes_graver_is_told_again_once_for_each_level() -> None:
    budget = Budget(3.0, 12.0, 10.0)
    told = [budget.offer("a", "people", score, 60.0 * score) for score in range(9, 40)]
    assert [score for score, each in zip(range(9, 40), told, strict=True) if each] == [10, 19]  # 19: high
    assert budget.bucket.left > 12.0 / 2 - 2.0, "two tokens, and a little that came back"


def test_without_high_alerts_a_medium_one_says_all() -> None:
    budget = Budget(3.0, 12.0, 10.0, tells_high=False)
    assert [budget.offer("a", "people", score, 0.0) for score in (12.0, 30.0, 60.0)] == [ALERT, None, None]


def test_a_digest_of_a_decoy_keeps_no_alert_back() -> None:
    budget = watched(2.0, Budget(3.0, 12.0, 10.0))
    flow = 2 * DAY
    for number in range(6):
        assert budget.offer(f"a{number}", "people", 12.0, flow) == ALERT
    assert budget.offer("mallory", "people", 12.0, flow) == DIGEST
    assert budget.offer("mallory", "people", 30.0, flow + HOUR / 2) == DIGEST, "graver, and still no token"
    assert budget.offer("eve", "people", 12.0, flow + HOUR * 7 / 2) == DIGEST
    assert budget.offer("eve", "people", 13.0, flow + HOUR * 4) == ALERT, "a token has come back"


def watched(days: float, budget: Budget) -> Budget:
    """The budget, after so many days in which nothing came by."""
    for hour in range(int(days * 24) + 1):
        budget.offer("somebody", "people", 1.0, hour * HOUR)
        budget.renew(hour * HOUR)
    return budget


def test_beyond_the_cap_alerts_go_to_the_digest() -> None:
    budget = watched(2.0, Budget(3.0, 12.0, 10.0))
    begin = 2 * DAY
    told = [budget.offer(f"a{number}", "people", 50.0, begin + number * 60.0) for number in range(20)]
    assert told.count(ALERT) == 6
    assert told.count(DIGEST) == 14
    day = [budget.offer(f"b{minute}", "people", 50.0, begin + minute * 60.0) for minute in range(20, 1440)]
    assert told.count(ALERT) + day.count(ALERT) <= 12


def test_no_24_hours_have_more_than_the_cap_however_it_is_divided() -> None:
    for own in ({}, {"people": 2.0}, {"people": 0.2, "nodes": 0.1}, {"people": 40.0}):
        budget = Budget(3.0, 12.0, 10.0, own)
        told = []
        for minute in range(3 * 1440):
            flow = minute * 60.0
            budget.renew(flow)
            for group in ("people", "nodes", "others"):
                if budget.offer(f"{group}{minute}", group, 50.0, flow) == ALERT:
                    told.append(flow)
        assert max(sum(1 for flow in told if 0 <= flow - start < DAY) for start in told) <= 12
        assert len(told) > 20


def test_a_group_that_may_tell_nothing_a_day_tells_nothing() -> None:
    budget = Budget(3.0, 12.0, 8.0, {"anonymous": 0.0})
    assert {budget.offer(f"a{number}", "anonymous", 50.0, number * 60.0) for number in range(100)} == {None}
    assert budget.offer("a", "people", 20.0, HOUR) == ALERT


def test_a_budget_of_a_group_is_that_of_the_groups_below_it_too() -> None:
    budget = Budget(3.0, 12.0, 8.0, {"people": 0.0, "people/sre": 1.0})
    assert budget.offer("a", "people/developers", 50.0, 0.0) is None
    assert budget.offer("b", "people/sre", 50.0, 0.0) == ALERT


def test_first_contact_leaves_tokens_for_who_comes_after_it() -> None:
    budget = Budget(3.0, 12.0, 8.0)
    trifles = [budget.offer(f"a{number}", "people", 8.0 + number / 30, 10.0 * number) for number in range(90)]
    assert 0 < trifles.count(ALERT) <= 3
    hours = range(3, 6)
    assert [budget.offer(f"intruder{hour}", "people", 19.0, hour * HOUR) for hour in hours] == [ALERT] * 3


def test_while_little_is_known_only_a_record_is_worth_a_digest() -> None:
    budget = Budget(3.0, 12.0, 8.0)
    told = [budget.offer(f"a{number}", "people", 30.0 - number % 7, 0.0) for number in range(70)]
    assert told.count(ALERT) == 6 and told.count(DIGEST) == 0
    assert budget.offer("b", "people", 31.0, 0.0) == DIGEST


def test_how_much_is_used_is_said_as_of_now() -> None:
    budget = Budget(3.0, 12.0, 8.0)
    for number in range(3):
        budget.offer(f"a{number}", "people", 50.0, 0.0)
    assert spent(budget, 0.0)["budget_used"] == 0.5
    assert spent(budget, 6 * HOUR)["budget_used"] == 0.25
    assert spent(budget, 6 * DAY)["budget_used"] == 0.0


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


def test_a_source_that_is_hours_late_finds_the_tokens_that_are_left() -> None:
    budget = Budget(3.0, 12.0, 8.0)
    for hour in range(3):
        assert budget.offer(f"early{hour}", "people", 30.0, hour * HOUR) == ALERT
    budget.offer("a trifle", "people", 1.0, DAY - HOUR)  # by then all tokens have come back
    assert [budget.offer(f"late{n}", "people", 30.0, 2 * HOUR) for n in range(6)] == [ALERT] * 6
    assert budget.offer("late6", "people", 31.0, 2 * HOUR) == DIGEST


def test_an_incident_of_a_late_source_is_told_once_though_another_ends_the_windows() -> None:
    budget = watched(2.0, Budget(3.0, 12.0, 8.0))
    told = []
    for window in range(10):
        told.append(budget.offer("late", "people", 12.0 + window / 10, DAY + window * 300.0))
        budget.renew(2 * DAY + window * 300.0)
    assert told == [ALERT, *[None] * 9]
