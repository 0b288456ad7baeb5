"""The detectors behind the rules: what they see, what they remember, and what they tell after a stop or a crash."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from event_model.alert import Match
from event_model.event import Event
from store.journal import Entry
from store.recent import Place
from store.snapshots import Snapshots
from tallyman import detecting, memory
from tallyman.detecting import Detection
from tests.end_to_end.waiting import until
from tests.tallyman.first_seen import Detector
from tests.tallyman.looking import acts, behaviour, looking
from tests.tallyman.world import Given, batch, raw, world


def test_detectors_see_what_was_kept_in_order_and_their_alerts_are_told(tmp_path: Path) -> None:
    detector = Detector()
    with looking(
        tmp_path,
        [batch([*acts("get", "get"), b"not json"], 0), batch(acts("list", first=2), 1)],
        {"first_seen": detector},
    ) as made:
        made.run()
        assert detector.seen == ["id-0", "id-1", "id-2"]
        assert behaviour(made) == ["alice: first `list`"]
        assert made.alerts()[0]["risk_score"] == 61
        assert made.database.file.read("SELECT count(*) FROM outbox WHERE sink = 'told'")[0][0] == 1
        numbers = made.pipeline.counters.snapshot()
        assert numbers['detector_matches{detector="first_seen"}'] == 1
        assert numbers['detector_entities{detector="first_seen"}'] == 1
        assert "snapshot_failures" not in numbers


def test_what_comes_just_as_the_journal_was_found_empty_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector, read = Detector(), Detection._behind

    def waiting(self: Detection, place: Place) -> Iterator[list[Entry]]:
        yield from read(self, place)
        until(lambda: self._latest > place, 60)

    monkeypatch.setattr(Detection, "_behind", waiting)
    with looking(tmp_path, [batch(acts("get", "list"), 0)], {"first_seen": detector}) as made:
        made.run()
    assert detector.seen == ["id-0", "id-1"]


def test_a_detector_sees_secrets_replaced(tmp_path: Path) -> None:
    told: list[bytes] = []

    class Reading(Detector):
        def inspect(self, events: list[Event]) -> list[Match]:
            told.extend(event.record.raw for event in events)
            return []

    secret = raw(0, verb="create", objectRef={"resource": "secrets", "namespace": "shop", "name": "s"},
                 requestObject={"kind": "Secret", "data": {"key": "aHVudGVyMg=="}})  # fmt: skip
    with looking(tmp_path, [batch([secret], 0)], {"reading": Reading()}) as made:
        made.run()
    assert len(told) == 1 and b"aHVudGVyMg" not in told[0]


def test_a_broken_detector_stops_neither_rules_nor_other_detectors(tmp_path: Path) -> None:
    class Broken(Detector):
        def inspect(self, events: list[Event]) -> list[Match]:
            raise ZeroDivisionError("division by zero")

    detectors = {"broken": Broken(), "first_seen": Detector()}
    with looking(tmp_path, [batch(acts("get", "delete"), 0)], detectors) as made:
        made.run()
        assert behaviour(made) == ["alice: first `delete`"]
        assert len(made.alerts()) == 2  # the rule's as well
        numbers = made.pipeline.counters.snapshot()
    assert numbers['detector_failures{detector="broken"}'] == numbers["inspector_failures"] == 1
    assert 'detector_failures{detector="first_seen"}' not in numbers


def test_a_second_run_remembers_what_the_first_learnt(tmp_path: Path) -> None:
    with looking(tmp_path, [batch(acts("get", "list"), 0)], {"first_seen": Detector()}) as made:
        made.run()
    again = Detector()
    with looking(tmp_path, [batch(acts("list", "watch", first=2), 1)], {"first_seen": again}) as made:
        made.run()
        assert again.seen == ["id-2", "id-3"] and again.looked == 4
        assert behaviour(made) == ["alice: first `list`", "alice: first `watch`"]


def test_after_a_crash_what_was_not_in_the_snapshot_is_looked_at_again_in_silence(tmp_path: Path) -> None:
    with looking(tmp_path, [batch(acts("get", "list"), 0)], {"first_seen": Detector()}) as made:
        made.run()
        kept = Snapshots(tmp_path).path("first_seen").read_bytes()
    with looking(tmp_path, [batch(acts("watch", first=2), 1)], {"first_seen": Detector()}) as made:
        made.run()
        made.database.alerts.prune(9e9)  # so that a second telling would be seen
    Snapshots(tmp_path).path("first_seen").write_bytes(kept)  # as if killed before the second snapshot
    again = Detector()
    with looking(tmp_path, [batch(acts("delete", first=3), 2)], {"first_seen": again}) as made:
        made.run()
        assert again.seen == ["id-2", "id-3"] and again.looked == 4
        assert behaviour(made) == ["alice: first `delete`"]


def test_what_was_read_and_not_looked_at_before_a_crash_is_told_after_it(tmp_path: Path) -> None:
    with looking(tmp_path, [batch(acts("get"), 0)], {"first_seen": Detector()}) as made:
        made.run()
    with world(tmp_path, {"audit": Given([batch(acts("list", first=1), 1)])}, once=True) as made:
        made.run()  # read, but no detector was there
    with looking(tmp_path, [], {"first_seen": Detector()}) as made:
        made.run()
        assert behaviour(made) == ["alice: first `list`"]


def test_what_a_store_held_before_detectors_came_is_learnt_in_silence(tmp_path: Path) -> None:
    with world(tmp_path, {"audit": Given([batch(acts("get", "list"), 0)])}, once=True) as made:
        made.run()
    detector = Detector()
    with looking(
        tmp_path, [batch(acts("list", "watch", first=2), 1)], {"first_seen": detector}, history=9e9
    ) as made:
        made.run()
        assert detector.looked == 4 and behaviour(made) == ["alice: first `watch`"]


def test_history_is_bounded_by_age_and_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = [batch([raw(number)], number) for number in range(5)]
    with world(tmp_path, {"audit": Given(given)}, once=True) as made:
        made.run()
    monkeypatch.setattr(memory, "MOST_HISTORY", 2)
    newest, none = Detector(), Detector()
    with looking(tmp_path, [], {"newest": newest}, history=9e9) as made:
        made.run()
    with looking(tmp_path, [], {"none": none}, history=60.0) as made:  # the records are of another day
        made.run()
    assert (newest.seen, none.seen) == (["id-3", "id-4"], [])


@pytest.mark.parametrize("wrong", ["cut", "changed", "version", "other", "memory", "ahead", "pruned"])
def test_a_snapshot_that_cannot_be_used_is_refused_with_its_reason_and_learnt_again(
    tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with looking(tmp_path, [batch(acts("get", "list"), 0)], {"first_seen": Detector()}) as made:
        made.run()
    snapshots = Snapshots(tmp_path)
    found = snapshots.load("first_seen")
    assert found
    path = snapshots.path("first_seen")
    whole = path.read_bytes()
    if wrong == "cut":
        path.write_bytes(whole[:-7])
    elif wrong == "changed":
        path.write_bytes(whole.replace(b"list", b"lost"))
    elif wrong == "version":
        monkeypatch.setattr("store.snapshots.VERSION", 2)
    elif wrong == "other":
        snapshots.save("another", found.place, found.taken, found.body)
        snapshots.path("another").rename(path)
    elif wrong == "memory":
        snapshots.save("first_seen", found.place, found.taken, b"\x93\x02\x00\x80")
    elif wrong == "ahead":
        snapshots.save("first_seen", ("99991231-000", 7), found.taken, found.body)
    else:
        snapshots.save("first_seen", ("20200101-000", 7), found.taken, found.body)
    again = Detector()
    with looking(
        tmp_path, [batch(acts("list", "watch", first=2), 1)], {"first_seen": again}, history=9e9
    ) as made:
        made.run()
        assert again.seen == ["id-0", "id-1", "id-2", "id-3"]
        assert behaviour(made) == ["alice: first `list`", "alice: first `watch`"]
        assert made.pipeline.counters.snapshot()["snapshots_refused"] == 1
    refused = [each for each in caplog.records if each.message == "snapshot refused; learning again"]
    reasons = {
        "cut": "cut short", "changed": "changed", "version": "version 1, ours is 2", "other": "'another'",
        "memory": "version 2", "ahead": "further than the journal", "pruned": "20200101-000",
    }  # fmt: skip
    assert reasons[wrong] in refused[0].__dict__["reason"]


def test_learning_tells_nobody(tmp_path: Path) -> None:
    detector = Detector()
    with looking(tmp_path, [batch(acts("get", "list"), 0)], {"first_seen": detector}, silent=True) as made:
        made.run()
        assert detector.actions == {"alice": ["get", "list"]} and not made.alerts()


def test_rules_wait_for_no_detector_and_what_it_missed_it_finds_in_the_journal(tmp_path: Path) -> None:
    number = 3 * detecting.BEHIND
    given = [
        batch([raw(each, verb="delete", user={"username": f"user-{each}"})], each) for each in range(number)
    ]
    going = threading.Event()

    class Slow(Detector):
        def inspect(self, events: list[Event]) -> list[Match]:
            assert going.wait(60)
            return super().inspect(events)

    slow = Slow()
    with looking(tmp_path, given, {"slow": slow}, stays=True, once=False) as made, made.running():
        until(lambda: len(made.alerts()) == number, 60)  # the rule's
        assert slow.seen == []
        going.set()
        until(lambda: len(slow.seen) == number, 60)
    assert slow.seen == [f"id-{each}" for each in range(number)]


def test_a_run_over_recorded_files_ends_when_detectors_have_seen_all(tmp_path: Path) -> None:
    given = [batch([raw(each)], each) for each in range(3 * detecting.BEHIND)]
    detector = Detector()
    with looking(tmp_path, given, {"first_seen": detector}) as made:
        made.run()
    assert detector.seen == [f"id-{each}" for each in range(3 * detecting.BEHIND)]


def test_a_snapshot_is_taken_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detecting, "SECOND", 0.0)
    detector = Detector()
    with (
        looking(
            tmp_path,
            [batch(acts("get", "list"), 0)],
            {"first_seen": detector},
            stays=True,
            once=False,
            pause=0.0,
        ) as made,
        made.running(),
    ):
        path = Snapshots(tmp_path).path("first_seen")
        until(
            lambda: (
                path.exists() and (kept := Snapshots(tmp_path).load("first_seen")) and b"list" in kept.body
            ),
            60,
        )
        assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in path.parent.iterdir()] == ["first_seen.snapshot"]
