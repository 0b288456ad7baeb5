"""Windows of numbers: the model, odd events, snapshots, feedback."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from detectors._numbers import memory
from detectors._numbers.forest import SAMPLE, TREES, Model
from detectors._numbers.usual import Sample as Rows
from detectors._numbers.usual import median
from detectors._numbers.window import MOST_WAYS, Sketch
from detectors._watch.example import event as remembered
from detectors._watch.example import example
from detectors.isolation_forest import Detector
from event_model.alert import alert_id
from event_model.behaviour import Verdict
from event_model.event import Event, identity
from store.grouping import group_key
from tests.detectors.traffic import BROKER, START, Request, Sample, event_of, mesh
from tests.detectors.watching import behaviour_of, made, told


def detector(**options: Any) -> Detector:
    found = made("isolation_forest", {"alerts_a_day": 0, **options})
    assert isinstance(found, Detector)
    return found


def request(minute: float, duration: float = 0.1, service: str = "svc", status: int = 200) -> Event:
    return event_of(Request(service, "web", status, duration, 100.0), START + timedelta(minutes=minute))


def steady(hours: float, service: str = "svc") -> list[Event]:
    """Four requests a minute, a little different every time."""
    return [request(n / 4, 0.1 + 0.01 * (n * 7 % 5), service) for n in range(int(hours * 240))]


def test_isolation_is_what_scikit_learn_scores() -> None:
    rows = np.random.default_rng(1).standard_normal((700, 9)).astype(np.float32)
    forest = IsolationForest(n_estimators=TREES, max_samples=SAMPLE, random_state=0).fit(rows)
    others = np.random.default_rng(2).standard_normal((50, 9)).astype(np.float32) * 3
    assert np.allclose(Model(rows).isolation(others), -forest.score_samples(others), atol=1e-9)


def test_a_row_far_from_all_others_surprises_more_than_any_of_them() -> None:
    rows = np.random.default_rng(1).standard_normal((2000, 9)).astype(np.float32)
    model = Model(rows)
    far = rows[:3].copy()
    far[0, 4], far[1], far[2] = 12.0, 5.0, rows[2]
    single, all_over, ordinary = model.surprise(far)
    assert min(single, all_over) > model.surprise(rows[100:]).max() > ordinary


def test_a_sketch_knows_mean_and_quantiles_of_numbers_of_any_size() -> None:
    for factor in (1e-5, 1.0, 1e9):
        sketch = Sketch()
        for n in range(1, 1001):
            sketch.add(n * factor)
        assert sketch.total / sketch.count == pytest.approx(500.5 * factor)
        assert sketch.quantile(0.95) == pytest.approx(950 * factor, rel=0.06)
        assert len(sketch.buckets) < 100


def test_the_median_of_columns_leaves_out_what_is_missing() -> None:
    rows = np.array([[1, np.nan, np.nan], [3, 5, np.nan], [2, np.nan, np.nan]], np.float32)
    assert median(rows).tolist()[:2] == [2.0, 5.0]
    assert np.isnan(median(rows)[2])


def test_a_sample_is_bounded_and_lets_old_rows_go() -> None:
    sample = Rows("x", 16, 1)
    for n in range(5000):
        sample.add(np.array([n], np.float32))
    assert len(sample) == 16
    assert sample.known().min() > 1000


def test_a_window_that_is_unlike_all_before_is_told_once_and_then_again_after_calm() -> None:
    slow = [request(10 * 60 + n / 10, 9.0) for n in range(200)]  # twenty minutes
    events = sorted([*steady(24), *slow], key=lambda event: event.timestamp)
    matches = told(detector(floor=4.0), events)
    assert [match.evidence["entity"] for match in matches] == ["svc"]
    assert matches[0].events[0].native.duration == 9.0  # the example is one of the slow ones
    again = [request(16 * 60 + n / 10, 9.0) for n in range(50)]
    events = sorted([*events, *again], key=lambda event: event.timestamp)
    assert len(told(detector(floor=4.0), events)) == 2


def test_the_same_windows_are_told_however_events_are_batched() -> None:
    events = sorted([*mesh(1.1, 3, 4, 2.0), *(request(24 * 60 + n / 20, 5.0, "svc-1") for n in range(80))], key=lambda event: event.timestamp)  # fmt: skip
    several = [
        [(match.reason, match.evidence["score"]) for match in told(detector(floor=3.0), events, size)]
        for size in (7, 500)
    ]
    assert several[0] == several[1]
    assert several[0]


def test_numbers_that_are_none_are_counted_and_change_nothing() -> None:
    watching = detector()
    odd = [float("nan"), float("inf"), -float("inf"), -1.0, 1e300]
    events = [request(n / 4, value) for n, value in enumerate(odd * 40)] + steady(2)
    assert told(watching, events) == []
    stands = watching.standing()[""]
    assert (stands["odd"], stands["unread"]) == (200, 0)
    usual = watching.usual("svc")
    assert usual is not None
    assert usual["numbers"]["mean duration"]["usual"] == pytest.approx(0.12, rel=0.1)


def test_a_declaration_that_stumbles_costs_only_its_event(caplog: pytest.LogCaptureFixture) -> None:
    watching = detector()
    broken = event_of("not a request", START)
    told(watching, [broken, *steady(1), broken])
    assert watching.standing()[""]["unread"] == 2
    assert len(caplog.records) == 1
    assert watching.usual("svc") is not None


def test_an_event_from_next_year_or_from_last_week_moves_nothing() -> None:
    watching = detector()
    events = steady(6)
    strange = [request(525_600), request(-10_000), event_of(Request("svc", "web", 200, 0.1, 1.0), START)]
    mixed = events[:700] + strange + events[700:]
    assert told(watching, mixed) == []
    assert watching.clock.minute == detector_minute(steady(6))
    stands = watching.standing()[""]
    assert stands["late"] >= 2
    assert stands["odd_times"] >= 1


def detector_minute(events: list[Event]) -> int:
    watching = detector()
    told(watching, events)
    return watching.clock.minute


def test_a_flood_of_names_is_bounded_and_the_busy_stay() -> None:
    watching = detector(entities=50)
    events = steady(3)
    flood = [request(n / 40, 0.1, f"name-{n}") for n in range(7000)]
    told(watching, sorted([*events, *flood], key=lambda event: event.timestamp))
    assert len(watching.realms["mesh"].entities) == 50
    assert watching.usual("name-3") is None
    busy = watching.usual("svc")
    assert busy is not None
    assert busy["known_windows"] == 35


def test_a_flood_of_names_silences_nobody() -> None:
    slow = [request(24 * 60 + n / 40, 9.0) for n in range(200)]
    flood = [request(24 * 60 - 4.5 + n / 1000, 0.1, f"name-{n}") for n in range(300)]
    matches = told(detector(entities=50, floor=4.0), sorted([*steady(24), *flood, *slow, request(1446)], key=lambda event: event.timestamp))  # fmt: skip
    assert ("svc", True) in [(match.evidence["entity"], match.evidence["score"] > 20) for match in matches]


def test_windows_of_two_clusters_are_two() -> None:
    watching = detector(floor=4.0)
    dev = [
        msgspec.structs.replace(each, origin=msgspec.structs.replace(each.origin, cluster="dev"))
        for each in steady(24)
    ]
    slow = [request(24 * 60 + n / 10, 9.0) for n in range(100)]
    matches = told(watching, sorted([*steady(24), *dev, *slow], key=lambda event: event.timestamp))
    assert [(match.evidence["cluster"], match.evidence["entity"]) for match in matches] == [("", "svc")]
    restored = detector()
    restored.restore(watching.snapshot())
    usual = restored.usual("svc", "dev"), restored.usual("svc", "nowhere")
    assert [each and (each["cluster"], each["also_in"], each["known_windows"]) for each in usual] == [
        ("dev", [""], 288),
        None,
    ]


def test_ways_of_one_window_are_bounded() -> None:
    from detectors._numbers.window import Window

    window = Window([])
    for way in range(3 * MOST_WAYS):
        window.add(request(0), way, 0, False, [])
    assert (window.count, len(window.ways)) == (3 * MOST_WAYS, MOST_WAYS)


def test_a_restored_detector_goes_on_as_if_nothing_had_happened() -> None:
    events = sorted([*mesh(1.2, 5, 4, 2.0), *(request(26 * 60 + n / 20, 5.0, "svc-1") for n in range(80))], key=lambda event: event.timestamp)  # fmt: skip
    whole = [(match.reason, match.evidence["score"]) for match in told(detector(floor=3.0), events)]
    half = len(events) * 3 // 4 + 17  # in the middle of a window
    first, second = detector(floor=3.0), detector(floor=3.0)
    parts = told(first, events[:half])
    second.restore(first.snapshot())
    parts += told(second, events[half:])
    assert [(match.reason, match.evidence["score"]) for match in parts] == whole
    assert whole


def test_a_window_whose_events_all_came_before_a_restart_is_told_with_the_event_it_rests_on() -> None:
    slow = [request(24 * 60 + n / 100, 9.0) for n in range(200)]
    later = [request(24 * 60 + 5 + n, 0.1, "other") for n in range(3)]
    whole = told(detector(floor=4.0), [*steady(24), *slow, *later])
    first, second = detector(floor=4.0), detector(floor=4.0)
    parts = told(first, [*steady(24), *slow])
    second.restore(first.snapshot())
    parts += told(second, later)
    assert [(alert_id(match), match.reason) for match in parts] == [
        (alert_id(match), match.reason) for match in whole
    ]
    assert group_key(parts[0]) == group_key(whole[0])
    assert len(parts) == 1


def test_the_risk_of_the_past_hours_is_known_after_a_restart_and_fades() -> None:
    first, second = detector(floor=4.0), detector(floor=4.0)
    (match,) = told(
        first, [*steady(24), *(request(24 * 60 + n / 100, 9.0) for n in range(200)), request(1446)]
    )
    second.restore(first.snapshot())
    live, restored = first.usual("svc"), second.usual("svc")
    assert restored == live
    assert live is not None
    assert live["risk"] == match.evidence["risk"] > 20
    told(second, [request(1446 + n / 4, 0.1 + 0.01 * (n * 7 % 5)) for n in range(24 * 240)])
    later = second.usual("svc")
    assert later is not None
    assert later["risk"] < 20


def test_an_event_that_is_remembered_holds_nothing_of_its_line() -> None:
    kept = event_of(Request("svc", "password=hunter2secret", 503, 0.1, 1.0), START)
    assert b"hunter2secret" not in msgspec.msgpack.encode(example(kept))
    assert identity(remembered(example(kept))) == identity(kept)


def test_a_snapshot_that_is_damaged_is_refused_with_a_reason_and_changes_nothing() -> None:
    watching = detector()
    told(watching, steady(3))
    data = watching.snapshot()
    usual = watching.usual("svc")
    for broken, reason in [
        (b"", "cut short"),
        (data[:-9], "checksum"),
        (data[:40], "checksum"),
        (data.replace(b"forest %d" % memory.VERSION, b"forest 9", 1), "version 9"),
        (data[:60] + b"\xff" + data[61:], "checksum"),
    ]:
        with pytest.raises(ValueError, match=reason):
            watching.restore(broken)
    assert watching.usual("svc") == usual


def test_another_declaration_of_the_same_format_starts_anew() -> None:
    first, second = detector(), detector()
    told(first, steady(3))
    second.restore(first.snapshot())
    second.attach(lambda format: behaviour_of("broker"))
    sample = Sample("queue", 1.0, 1.0, 1.0)
    assert told(second, [event_of(sample, START + timedelta(hours=4, minutes=n)) for n in range(20)]) == []
    assert second.unread == 0
    assert second.usual("svc") is None
    assert BROKER.format not in second.realms


def test_what_triage_calls_benign_is_told_no_more_until_it_expires() -> None:
    slow = [request(10 * 60 + n / 10, 9.0) for n in range(100)]
    events = sorted([*steady(24), *slow], key=lambda event: event.timestamp)
    watching = detector(floor=4.0)
    watching.judge(Verdict("", "svc", "number", "duration", True, expires="2027-01-01T00:00:00Z"))
    assert told(watching, events) == []
    expired = detector(floor=4.0)
    expired.judge(Verdict("", "svc", "number", "duration", True, expires="2026-03-01T00:00:00Z"))
    assert len(told(expired, events)) == 1


def test_an_entity_that_was_just_met_is_judged_by_little() -> None:
    events = sorted([*steady(6, "a"), *steady(6, "b"), *(request(300 + n / 10, 3.0, "young") for n in range(30))], key=lambda event: event.timestamp)  # fmt: skip
    assert told(detector(floor=5.0), events) == []
