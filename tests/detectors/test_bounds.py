"""Clocks that jump, floods of names and slow trainers: bounded, and nothing that was learnt is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from detectors._watch import watch
from detectors._watch.clock import Clock
from detectors._watch.watch import Options
from detectors._watch.watcher import Crew
from detectors.accumulation import Detector as Accumulation
from detectors.novelty import Detector
from tests.detectors.acts import act, after, made, ordinary, theft, told

DAYS = 3.0


def learnt(**options: Any) -> Crew:
    crew: Crew = made(Crew({"novelty": Detector()}, Options(**options)))
    told(crew, ordinary(DAYS))
    return crew


@pytest.mark.parametrize("leap", [timedelta(days=366), timedelta(days=-366), timedelta(days=3000)])
def test_one_event_with_another_time_moves_nothing(leap: timedelta) -> None:
    detector = learnt()
    minute, flow = detector.watch.clock.minute, detector.watch.clock.flow
    detector.inspect([act("app1", "list pods", after(DAYS) + leap)])
    assert (detector.watch.clock.minute, detector.watch.clock.flow) == (minute, flow)
    assert detector.watch.clock.odd == 1
    (match,) = detector.inspect([theft(after(DAYS))])
    assert match.evidence["watched_days"] == 3.0


@pytest.mark.parametrize("leap", [timedelta(days=366), timedelta(days=-366)])
def test_when_the_clock_is_set_anew_what_was_learnt_stays(leap: timedelta) -> None:
    detector = learnt()
    flow = detector.watch.clock.flow
    told(detector, ordinary(0.5, after(DAYS) + leap))
    assert detector.watch.clock.flow - flow < 13 * 3600, "a year that nobody watched is no year of silence"
    assert len(detector.inspect([theft(after(DAYS + 0.5) + leap)])) == 1


def test_a_clock_set_back_a_little_counts_the_repeated_hours_too() -> None:
    detector = learnt()
    (actor,) = (each for name, each in detector.watch.actors.items() if name.endswith("app3"))
    before = actor.windows
    told(detector, ordinary(0.5, after(DAYS - 0.5)))
    assert actor.windows > before + 60
    detector.inspect([act("app3", "list secrets", after(DAYS), "secret read")])
    told(detector, ordinary(0.1, after(DAYS)))
    assert "list secrets" in actor.known[0]


def test_an_event_with_no_time_at_all_is_looked_at_now() -> None:
    clock = Clock()
    assert clock.turn("2026-03-02T10:00")
    assert not clock.turn("yesterday")
    assert not clock.turn("9999-99-99T99:99")
    assert clock.now == "2026-03-02T10:00:00Z"
    assert clock.odd == 2


def test_lines_a_little_out_of_order_are_no_leap() -> None:
    clock = Clock()
    for text in ("2026-03-02T10:05", "2026-03-02T10:04", "2026-03-02T10:05", "2026-03-02T10:10"):
        clock.turn(text)
    assert (clock.odd, clock.flow) == (0, 300.0)


def test_an_actor_that_floods_with_a_million_names_fills_its_own_share_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "MOST_WAYS", 1000)
    detector = learnt(values_each=500)
    others = {name: actor.size for name, actor in detector.watch.actors.items() if not name.endswith("app3")}
    flood = (
        act(
            "app3",
            f"get thing{number}",
            after(DAYS) + timedelta(seconds=number / 50),
            object=f"secret {number}",
        )
        for number in range(1_000_000)
    )
    alerts = told(detector, flood)
    (flooder,) = (actor for name, actor in detector.watch.actors.items() if name.endswith("app3"))
    assert flooder.size <= 500
    assert max(len(ways) for ways in detector.watch.ways.values()) <= 1000
    assert {
        name: actor.size for name, actor in detector.watch.actors.items() if not name.endswith("app3")
    } == others
    assert len(alerts) <= 7, "one incident of an actor in an hour"
    assert len(detector.snapshot()) < 200_000


def test_a_flood_of_strangers_ousts_strangers() -> None:
    detector = learnt(most=200)
    strangers = (
        act(f"anonymous@{number}", "get /", after(DAYS) + timedelta(seconds=number), group="anonymous")
        for number in range(5000)
    )
    told(detector, strangers)
    assert len(detector.watch.actors) <= 400  # the window that is open comes on top
    assert len([name for name in detector.watch.actors if "app" in name]) == 12
    assert len(detector.inspect([theft(after(DAYS + 0.2))])) == 1


def test_a_slow_trainer_makes_nothing_usual_for_others() -> None:
    detector = learnt()
    for hour in range(60):
        detector.inspect(
            [
                act(
                    "app3",
                    "list secrets",
                    after(DAYS) + timedelta(hours=hour),
                    "secret read",
                    object=f"secret {hour}",
                )
            ]
        )
    (match,) = detector.inspect([theft(after(DAYS + 2.6), "app5")])
    assert any("1 of 11 peers" in term["text"] for term in match.evidence["terms"])


def test_a_slow_trainer_is_told_by_what_adds_up() -> None:
    detector: Accumulation = made(Accumulation())
    assert told(detector, ordinary(DAYS)) == []
    found = []
    for hour in range(20):
        moment = after(DAYS) + timedelta(hours=hour)
        odd = act("app3", "get configmaps", moment, namespace=f"team{hour}", object=f"configmap team{hour}")
        found += told(detector, [*ordinary(1 / 24, moment), odd])
    assert {match.group for match in found} == {("app3",)}
    assert len(found) <= 3
    assert found[0].rule.rule_id == "behaviour_accumulation"
    assert "in the past hours" in found[0].reason


def test_decay_forgets_rates_but_not_values() -> None:
    detector = learnt()
    (actor,) = (actor for name, actor in detector.watch.actors.items() if name.endswith("app3"))
    clock = detector.watch.clock
    before = actor.m / clock.weight
    told(detector, ordinary(8, after(DAYS), actors=["app1", "app2"]))
    assert actor.m / clock.weight == pytest.approx(before / 4, rel=0.01)  # two half-lives
    known, rate = dict(actor.known[0]), actor.m / clock.weight
    detector.watch.rescale()
    assert clock.weight == 1.0
    assert (actor.m, actor.known[0]) == (pytest.approx(rate), known)
    assert detector.inspect([act("app3", "list pods", after(DAYS + 8))]) == []
