"""Snapshots: go on as if nothing had happened, or refuse with the reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from detectors import DETECTORS
from detectors._watch import snapshot
from event_model.alert import Match
from event_model.event import identity
from tests.detectors.acts import act, after, made, ordinary, theft, told

WATCHING = ("novelty", "rate", "accumulation")


def learnt(name: str = "novelty") -> Any:
    detector = made(DETECTORS.make(name))
    told(detector, ordinary(2))
    return detector


@pytest.mark.parametrize("name", WATCHING)
def test_a_restored_detector_says_and_keeps_the_same(name: str) -> None:
    first, second = learnt(name), made(DETECTORS.make(name))
    second.restore(first.snapshot())
    assert second.snapshot() == first.snapshot()
    rest = [theft(after(2)), *ordinary(0.5, after(2)), theft(after(2.5), "app4")]
    assert [match.reason for match in told(second, rest)] == [match.reason for match in told(first, rest)]
    assert second.snapshot() == first.snapshot()


def test_what_was_told_is_not_told_again_after_a_restart_in_the_same_window() -> None:
    first, second = learnt(), made(DETECTORS.make("novelty"))
    assert first.inspect([theft(after(2))])
    second.restore(first.snapshot())
    more = act("app3", "create rolebindings", after(2), "exec")
    assert second.inspect([theft(after(2)), more]) == []


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[: len(data) // 2], "cut short"),
        (lambda data: data[:10], "cut short"),
        (lambda data: b"", "cut short"),
        (lambda data: data.replace(b" %d\n" % snapshot.VERSION, b" 9\n", 1), "version 9"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "damaged"),
        (lambda data: b"\x80\x04K\x01.", "no snapshot"),
    ],
)
def test_a_snapshot_that_is_not_whole_is_refused_and_changes_nothing(damage: Any, reason: str) -> None:
    detector = learnt()
    data = detector.snapshot()
    with pytest.raises(ValueError, match=reason):
        detector.restore(damage(data))
    assert detector.snapshot() == data
    assert len(detector.inspect([theft(after(2))])) == 1


def test_a_snapshot_of_other_facets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = learnt()
    monkeypatch.setattr(snapshot, "NAMES", ("action", "mood"))
    data = detector.snapshot()
    monkeypatch.undo()
    with pytest.raises(ValueError, match="action, mood"):
        detector.restore(data)


def test_a_source_that_is_late_is_known_after_a_restart() -> None:
    first, second = learnt(), made(DETECTORS.make("novelty"))
    late = [act("app1", "list pods", after(1.8)) for _ in range(5)]
    told(first, [*late, act("app2", "list pods", after(2))])
    second.restore(first.snapshot())
    for each in (first, second):
        each.inspect([act("app1", "list pods", after(1.81))])
    assert second.watch.clock.now == first.watch.clock.now == "2026-03-03T19:26:00Z"
    assert second.snapshot() == first.snapshot()


def test_a_verdict_survives() -> None:
    from event_model.behaviour import Verdict

    first, second = learnt(), made(DETECTORS.make("novelty"))
    first.judge(Verdict("", "application", None, None, True, of_group=True))
    second.restore(first.snapshot())
    assert second.inspect([theft(after(2))]) == []


def test_a_window_that_a_restart_cuts_tells_what_it_would_have_told() -> None:
    def hour(detector: Any, number: int, *, cut: bool = False) -> tuple[Any, list[Match]]:
        moment = after(2) + timedelta(hours=number)
        odd = act("app3", "get configmaps", moment, namespace=f"team{number}", object=f"configmap {number}")
        found = told(detector, [*ordinary(1 / 24, moment - timedelta(hours=1)), odd])
        if cut:
            before, detector = detector, made(DETECTORS.make("accumulation"))
            detector.restore(before.snapshot())
        return detector, found

    whole, loud = learnt("accumulation"), 0
    while not (expected := hour(whole, loud)[1]):
        loud += 1
    detector = learnt("accumulation")
    for number in range(loud):
        detector, found = hour(detector, number, cut=number == loud - 1)
        assert found == []
    _, found = hour(detector, loud)
    assert [named(match) for match in found] == [named(match) for match in expected]


def named(match: Match) -> tuple[Any, ...]:
    """What an alert says, and the events that it names."""
    return match.reason, match.evidence["score"], [identity(event) for event in match.events]


def test_an_open_window_is_counted_for_the_hours_it_was_in_after_a_restart_too() -> None:
    first, second = learnt(), made(DETECTORS.make("novelty"))
    late = [act("app1", "list pods", after(1.5)) for _ in range(5)]
    told(first, [*late, act("app2", "list pods", after(2))])
    second.restore(first.snapshot())
    for each in (first, second):
        each.inspect([act("app2", "list pods", after(2.1))])
    assert second.usual("app1") == first.usual("app1")
    assert second.snapshot() == first.snapshot()
