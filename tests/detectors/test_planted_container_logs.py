"""Days of twelve containers' logs, with lines of an intruder, a burst of refused logins and a leak among them."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from event_model.alert import Match
from event_model.event import Event
from tests.detectors.lines import KINDS, container, line, origin
from tests.detectors.traffic import START, merged
from tests.detectors.watching import made, parted, told

DAYS = 4
AT = START + timedelta(days=DAYS - 1, hours=14)


def ordinary(seed: int) -> list[Event]:
    return merged(*(container(space, name, DAYS, seed) for space in ("prod", "stage") for name in KINDS))


def intruder() -> list[Event]:
    """A command that was smuggled into a template, and later what it fetched."""
    payment = origin("prod", "payment-7f9c6d5b8d-bbbbb", "payment")
    worker = origin("prod", "worker-7f9c6d5b8d-ccccc", "worker")
    said = (
        "ERROR template render failed: sh: cannot open /etc/shadow: Permission denied password=hunter2secret"
    )
    return [
        line(payment, AT, said, "stderr"),
        line(worker, AT + timedelta(hours=4), "* COIN monero randomx, pool stratum+tcp://203.0.113.9:3333"),
    ]


def refusals() -> list[Event]:
    """Somebody tries passwords for three minutes."""
    web, chance = origin("stage", "web-7f9c6d5b8d-ddddd", "web"), random.Random(1)
    start = AT + timedelta(hours=2)
    return [
        line(web, start + timedelta(seconds=0.6 * n), f'203.0.113.{chance.randrange(255)} - - [-] "POST /login HTTP/1.1" 401 99 "-" "python-requests/2.31"')
        for n in range(300)
    ]  # fmt: skip


def flood() -> list[Event]:
    """A shape that is known, hundreds of times."""
    controller = origin("prod", "controller-7f9c6d5b8d-fffff", "controller")
    said = "ERROR could not send metrics: connection refused"
    known = [line(controller, START + timedelta(days=1, hours=5 * n), said) for n in range(8)]
    return known + [line(controller, AT + timedelta(hours=6, seconds=n / 4), said) for n in range(900)]


@pytest.fixture(scope="module", params=[1, 2])
def days(request: pytest.FixtureRequest) -> tuple[list[Match], list[Event]]:
    planted = [*intruder(), *refusals(), *flood()]
    return told(made("log_template"), merged(ordinary(request.param), planted)), planted


def test_the_intruders_lines_are_told_as_they_come(days: tuple[list[Match], list[Event]]) -> None:
    hits, _ = parted(*days)
    first = next(match for match in hits if match.evidence["entity"] == "prod/payment/payment")
    assert first.events[-1].timestamp.startswith(AT.strftime("%Y-%m-%dT%H:%M:%S"))
    assert {"/etc/shadow", "permission denied", "error"} <= set(first.evidence["terms"][0]["said"])
    assert "none of 11 others write it" in first.reason
    assert any("stratum+tcp" in match.reason for match in hits)


def test_a_secret_in_a_line_is_shown_nowhere(days: tuple[list[Match], list[Event]]) -> None:
    assert all("hunter2secret" not in f"{match.reason} {match.evidence}" for match in days[0])


def test_a_burst_of_refusals_is_told_within_its_first_lines(days: tuple[list[Match], list[Event]]) -> None:
    hits, _ = parted(*days)
    burst = next(match for match in hits if match.evidence["entity"] == "stage/web/web")
    assert "POST /login" in burst.evidence["example"]
    assert burst.evidence["terms"][0]["facet"] == "burst"
    assert burst.evidence["terms"][0]["count"] < 70


def test_many_lines_of_a_known_shape_are_told_with_what_is_usual(
    days: tuple[list[Match], list[Event]],
) -> None:
    hits, _ = parted(*days)
    burst = next(match for match in hits if match.evidence["entity"] == "prod/controller/controller")
    term = burst.evidence["terms"][0]
    assert (term["facet"], term["usual"] < 1) == ("burst", True)
    assert "lines like `ERROR could not send metrics: connection refused` in 5 minutes, usual" in burst.reason


def test_the_ordinary_days_are_quiet(days: tuple[list[Match], list[Event]]) -> None:
    _, others = parted(*days)
    assert (
        len(others) <= 2
    )  # in four days, with restarts, a release each and one that prints what people type
