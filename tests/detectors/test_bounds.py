"""Clocks that jump, floods of names and slow trainers: bounded, and nothing that was learnt is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from detectors._watch import telling, watch
from detectors._watch.budget import ALERT, Budget
from detectors._watch.clock import DAY, HOUR, Clock
from detectors._watch.watch import Options
from detectors._watch.watcher import Crew
from detectors.accumulation import Detector as Accumulation
from detectors.novelty import Detector
from event_model.event import Event
from tests.detectors.acts import APPS, act, after, made, ordinary, theft, told

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


def alternating(late: timedelta, steps: int = 720) -> Iterator[list[Event]]:
    """A day of twelve accounts, in batches of two minutes: six of them come from a source that is late."""
    for step in range(steps):
        moment = after(DAYS) + timedelta(minutes=2 * step)
        yield [act(name, "list pods", moment) for name in APPS[:6]]
        yield [act(name, "list pods", moment - late) for name in APPS[6:]]


@pytest.mark.parametrize("hours", [0.5, 2, 26, 2000])
def test_a_source_that_is_late_ages_nothing_and_ends_no_window(hours: float) -> None:
    detector = learnt()
    before = {name: actor.windows for name, actor in detector.watch.actors.items()}
    for batch in alternating(timedelta(hours=hours)):
        detector.inspect(batch)
    flow = max(hand.flow for hand in detector.watch.clock.hands)
    assert flow / DAY == pytest.approx(DAYS + 1, abs=0.1)
    for name, actor in detector.watch.actors.items():
        assert actor.windows - before[name] == pytest.approx(288, abs=10)


def test_a_late_source_has_its_own_hour_of_the_day() -> None:
    detector = learnt()
    prompt, late = (
        next(actor for name, actor in detector.watch.actors.items() if name.endswith(end))
        for end in ("app1", "app11")
    )
    before = list(prompt.hours), list(late.hours)
    for batch in alternating(timedelta(hours=6), steps=30):
        detector.inspect(batch)
    grown = [
        {hour for hour in range(24) if actor.hours[hour] > was[hour]}
        for actor, was in zip((prompt, late), before, strict=True)
    ]
    assert grown[0] <= {23, 0} and 0 in grown[0]  # the window before had not ended
    assert grown[1] <= {23, 18} and 18 in grown[1]


def test_a_source_that_begins_elsewhere_in_time_is_looked_at_by_its_own_time() -> None:
    detector = learnt()
    late = after(DAYS) - timedelta(hours=5)
    detector.inspect([act(f"late{number}", "list pods", late) for number in range(6)])
    firsts = {detector.usual(f"late{number}")["first_seen"] for number in range(6)}  # type: ignore[index]
    assert firsts == {"2026-03-04T19:00:00Z"}


def test_a_late_source_fills_no_budget_again() -> None:
    budget = Budget(3.0, 12.0, 8.0)
    told = [
        budget.offer(f"actor{number}", "people", 50.0, 10 * DAY - number % 2 * 4 * HOUR)
        for number in range(40)
    ]
    assert told.count(ALERT) == 6, "half of a day's hard cap at once"


def test_a_day_that_is_read_again_from_another_file_is_one_day() -> None:
    clock = Clock()
    for _ in range(3):
        for minute in range(0, 24 * 60, 7):
            for _ in range(5):
                clock.turn(f"2026-03-02T{minute // 60:02}:{minute % 60:02}")
    assert clock.flow == 1435 // 7 * 7 * 60.0
    assert clock.window > 3 * 200, "its windows end each time"


def test_a_clock_that_leaps_to_and_fro_gains_nothing() -> None:
    clock = Clock()
    for _ in range(20):
        for text in ("2026-03-02T10:05", "2026-03-02T07:05", "2026-03-01T23:05", "2025-03-02T10:05"):
            for _ in range(5):
                clock.turn(text)
    assert (max(hand.flow for hand in clock.hands), clock.window) == (0.0, 3)


def test_times_without_end_fill_no_memory_and_the_stream_keeps_its_own() -> None:
    clock = Clock()
    clock.turn("2026-03-02T10:00")
    for day in range(300):
        for _ in range(5):
            clock.turn(f"{1700 + day}-03-02T10:00")
    assert len(clock.hands) <= 64
    clock.turn("2026-03-02T10:05")
    assert (clock.now, clock.flow) == ("2026-03-02T10:05:00Z", 300.0)


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


def test_kinds_without_end_fill_neither_actors_nor_groups() -> None:
    detector = learnt(most=200)
    acts = (
        act(
            f"stranger{number // 50}",
            "x",
            after(DAYS) + timedelta(seconds=number),
            f"kind{number}",
            group="services",
        )
        for number in range(20_000)
    )
    told(detector, acts)
    groups = detector.watch.realms["cluster"].groups
    assert max(len(group.tallies) for group in groups.values()) <= 201  # and those that are named `other`
    assert max(len(actor.tallies) for actor in detector.watch.actors.values()) <= 101
    last = {kind for actor in detector.watch.actors.values() for kind in actor.tallies}
    assert set(groups["", "services"].tallies) <= last, "what only those did who are forgotten"
    assert set(groups["", "application"].tallies) == {"read"}


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


def stamp(days: float) -> str:
    return after(days).strftime("%Y-%m-%dT%H:%M")


def test_a_source_that_runs_years_ahead_leaves_a_theft_elsewhere_to_be_told() -> None:
    detector = made(Detector(alerts_a_day=0))
    told(detector, ordinary(2))
    for _ in range(5):
        detector.inspect([act("runner", "list pods", after(400))])
    detector.inspect([act("runner", "list pods", after(400 + hours / 24)) for hours in range(24 * 365)])
    detector.watch.clock.base = 12 * 365 * DAY  # as after so many years
    assert len(told(detector, [*ordinary(0.1, after(2)), theft(after(2.1))])) >= 1


def test_strays_with_ordinary_events_between_them_are_never_believed() -> None:
    clock = Clock()
    for number in range(20):
        assert clock.turn(stamp(2 + number / 1440))
        assert not clock.turn(stamp(400))
    assert clock.odd == 20 and clock.window < 6


def test_nobody_is_older_than_the_time_that_has_passed() -> None:
    clock = Clock()
    clock.turn(stamp(2))
    met = Met(clock.flow, clock.minute)
    clock.turn(stamp(2 + 1 / 24))
    clock.hand.flow += 3 * DAY  # it has met a source that went through three days
    assert telling.age(met, clock) == HOUR  # type: ignore[arg-type]


class Met(NamedTuple):
    met: float
    first: int
