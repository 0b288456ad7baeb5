"""A week of a small cluster, and an application's token in the wrong hands: caught, and the rest is quiet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from event_model.alert import Match
from event_model.event import Event
from tests.detectors.cluster import intruder, ordinary
from tests.detectors.traffic import START
from tests.detectors.watching import after, made, parted, told

DAYS = 8
AT = START + timedelta(days=DAYS - 1, hours=15)


@pytest.fixture(scope="module", params=[1, 2])
def week(request: pytest.FixtureRequest) -> tuple[list[Match], list[Event]]:
    planted = intruder(AT)
    events = sorted([*ordinary(DAYS, request.param), *planted], key=lambda event: event.timestamp)
    return told(made("novelty"), events), planted


def test_a_stolen_token_is_told_at_its_first_use(week: tuple[list[Match], list[Event]]) -> None:
    hits, _ = parted(*week)
    assert hits[0].events[-1].timestamp == week[1][0].timestamp
    assert hits[0].evidence["entity"] == "system:serviceaccount:pay:app"
    assert hits[0].rule.level == "high"
    assert {term["value"] for term in hits[0].evidence["terms"]} >= {"203.0.113.0/24", "curl"}


def test_a_week_of_ordinary_work_raises_nothing_after_the_first_day(
    week: tuple[list[Match], list[Event]],
) -> None:
    _, others = parted(*week)
    assert not list(filter(after(1), others))
    assert len(others) <= 6  # those who are met for the first time
