"""A week of a Docker host, and an intruder in one of its containers: caught, and the rest is quiet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from event_model.alert import Match
from event_model.event import Event
from tests.detectors.docker import intruder, ordinary
from tests.detectors.traffic import START
from tests.detectors.watching import after, made, parted, told

DAYS = 8
AT = START + timedelta(days=DAYS - 1, hours=15)


@pytest.fixture(scope="module", params=[1, 2])
def week(request: pytest.FixtureRequest) -> tuple[list[Match], list[Event]]:
    planted = intruder(AT)
    events = sorted([*ordinary(DAYS, request.param), *planted], key=lambda event: event.timestamp)
    return told(made("novelty"), events), planted


def test_the_first_command_of_an_intruder_is_told_at_once(week: tuple[list[Match], list[Event]]) -> None:
    hits, _ = parted(*week)
    assert hits[0].events[-1].timestamp == week[1][0].timestamp
    assert hits[0].evidence["entity"] == "shop_cache"
    assert "first `exec wget`" in hits[0].reason


def test_a_week_of_ordinary_work_raises_next_to_nothing(week: tuple[list[Match], list[Event]]) -> None:
    _, others = parted(*week)
    later = list(filter(after(1), others))
    assert len(later) <= 2  # an administrator's first look into a container, a service's first crash
    assert len(others) - len(later) <= 2  # the engine is met for the first time, with all that runs on it


def test_everything_the_intruder_did_outranks_everything_ordinary_after_the_first_day() -> None:
    planted = intruder(AT)
    events = sorted([*ordinary(DAYS, 3), *planted], key=lambda event: event.timestamp)
    hits, others = parted(told(made("novelty", {"alerts_a_day": 0, "floor": 3.0}), events), planted)
    highest = max(match.evidence["score"] for match in filter(after(1), others))
    assert max(match.evidence["score"] for match in hits) > 1.5 * highest
    facts = {term["value"] for match in hits for term in match.evidence["terms"]}
    assert {
        "exec wget",
        "/run/secrets/db_password",
        "container archive-path",
        "docker.io/kinsing/worker",
    } <= facts
