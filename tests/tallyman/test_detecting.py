"""The detectors behind the rules: what they see, what they remember, and what they tell after a stop or a crash."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from event_model.alert import Match
from event_model.behaviour import Verdict
from event_model.event import Event
from event_model.parts import Batch
from store.grouping import iso
from store.journal import Entry
from store.recent import Place
from store.snapshots import Snapshots
from tallyman import detecting, memory
from tallyman.config import DetectorsConfig
from tallyman.detecting import Detection
from tallyman.feedback import Feedback
from tallyman.memory import Memory
from tallyman.wiring import make_detectors
from tests.end_to_end.waiting import until
from tests.tallyman.first_seen import Detector
from tests.tallyman.world import Deletions, Given, Told, World, batch, raw, world

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ALICE = {"user": {"username": "alice"}}


def acts(*verbs: str, first: int = 0) -> list[bytes]:
    """Alice does these, one a second."""
    return [raw(first + place, verb=verb, **ALICE) for place, verb in enumerate(verbs)]


@contextmanager
def looking(
    root: Path,
    batches: list[Batch],
    detectors: dict[str, Any],
    *,
    stays: bool = False,
    once: bool = True,
    history: float = 3600.0,
    **more: Any,
) -> Iterator[World]:
    """A world with these detectors; `more` are fields of its Detection."""
    sinks = {"told": Told()}
    with world(
        root, {"audit": Given(batches, stays)}, inspectors=[Deletions()], sinks=sinks, once=once
    ) as made:
        book = made.database.book(sinks={"told": "low"}, name="detected")
        kept = Memory(Snapshots(root), made.journal, made.pipeline.counters, history)
        made.pipeline.detection = Detection(
            detectors, made.journal, made.store.normalize, book, kept,
            Feedback(book, timedelta(days=30), NOW.timestamp), made.pipeline.counters, once=once, **more,
        )  # fmt: skip
        yield made


def behaviour(made: World) -> list[str]:
    """The reasons of the detectors' alerts."""
    return sorted(each["reason"] for each in made.alerts() if each["rule_id"].startswith("behaviour_"))


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
        until(lambda: self._latest > place, 20)

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
            assert going.wait(30)
            return super().inspect(events)

    slow = Slow()
    with looking(tmp_path, given, {"slow": slow}, stays=True, once=False) as made, made.running():
        until(lambda: len(made.alerts()) == number, 30)  # the rule's
        assert slow.seen == []
        going.set()
        until(lambda: len(slow.seen) == number, 30)
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
            20,
        )
        assert path.stat().st_mode & 0o077 == 0
        assert [each.name for each in path.parent.iterdir()] == ["first_seen.snapshot"]


# feedback


def decided(made: World, reason: str, scope: str = "entity", now: datetime = NOW) -> None:
    ids = [each["id"] for each in made.alerts() if each["rule_id"].startswith("behaviour_")]
    assert made.database.alerts.decide(ids, "close", user="ana", reason=reason, now=now, scope=scope) == len(
        ids
    )


def verdict(
    entity: str, benign: bool, until: str = "2026-12-23T12:00:00Z", *, of_group: bool = False
) -> Verdict:
    return Verdict(
        "prod", entity, "action", "list", benign, of_group, iso(NOW.timestamp()), until, "Unusual behaviour"
    )


@pytest.mark.parametrize(
    ("reason", "scope", "expected"),
    [
        ("benign_positive", "entity", [verdict("alice", True)]),
        ("false_positive", "group", [verdict("all", True, of_group=True)]),
        ("true_positive", "entity", [verdict("alice", False)]),
        ("duplicate", "entity", []),
    ],
)
def test_closing_an_alert_is_a_verdict_that_a_later_run_still_knows(
    tmp_path: Path, reason: str, scope: str, expected: list[Verdict]
) -> None:
    with looking(tmp_path, [batch(acts("get", "list"), 0)], {"first_seen": Detector()}) as made:
        made.run()
        decided(made, reason, scope)
        news = Feedback(made.database.alerts, timedelta(days=30), NOW.timestamp)
        assert news.news() == expected and news.news() == []


def test_a_verdict_is_heard_by_a_run_that_goes_on_and_again_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detecting, "SECOND", 0.0)
    first, second = Detector(), Detector()
    with (
        looking(
            tmp_path, [batch(acts("get", "list"), 0)], {"first_seen": first}, stays=True, once=False
        ) as made,
        made.running(),
    ):
        until(lambda: made.alerts(), 20)
        decided(made, "benign_positive")
        until(lambda: first.verdicts, 20)
    with looking(tmp_path, [], {"first_seen": second}) as made:
        made.run()
    assert [(each.entity, each.value, each.benign) for each in second.verdicts] == [("alice", "list", True)]


def test_a_detector_that_stumbles_over_a_verdict_stops_neither_the_run_nor_the_others(tmp_path: Path) -> None:
    class Stumbling(Detector):
        def judge(self, verdict: Verdict) -> None:
            raise ValueError("no time")

    with looking(tmp_path, [batch(acts("get", "list"), 0)], {"first_seen": Detector()}) as made:
        made.run()
        decided(made, "benign_positive")
    stumbling, other = Stumbling(), Detector()
    with looking(
        tmp_path, [batch(acts("get", first=2), 1)], {"stumbling": stumbling, "other": other}
    ) as made:
        made.run()
        assert stumbling.looked == other.looked == 1 and len(other.verdicts) == 1
        assert made.pipeline.counters.snapshot()['detector_failures{detector="stumbling"}'] == 1


def test_a_verdict_counts_for_its_time_and_one_taken_back_is_withdrawn(tmp_path: Path) -> None:
    with looking(tmp_path, [batch(acts("get", "list"), 0)], {"first_seen": Detector()}) as made:
        made.run()
        decided(made, "benign_positive")
        late = Feedback(made.database.alerts, timedelta(days=30), (NOW + timedelta(days=31)).timestamp)
        assert late.news() == []
        news = Feedback(made.database.alerts, timedelta(days=30), NOW.timestamp)
        assert len(news.news()) == 1
        made.database.alerts.decide([made.alerts()[0]["id"]], "reopen", user="ana", now=NOW)
        assert news.news() == [verdict("alice", True, "1970-01-01T00:00:00Z")]  # it has ended


def test_one_for_a_group_is_withdrawn_for_the_group(tmp_path: Path) -> None:
    with looking(tmp_path, [batch(acts("get", "list"), 0)], {"first_seen": Detector()}) as made:
        made.run()
        decided(made, "benign_positive", "group")
        made.database.alerts.decide([made.alerts()[0]["id"]], "reopen", user="ana", now=NOW)
        news = Feedback(made.database.alerts, timedelta(days=30), NOW.timestamp)
        assert [(each.entity, each.of_group) for each in news.news()] == [("all", True)]


def test_a_scope_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with looking(tmp_path, [batch(acts("get", "list"), 0)], {"first_seen": Detector()}) as made:
        made.run()
        with pytest.raises(ValueError, match="not one of entity, group"):
            decided(made, "benign_positive", "everyone")


HOURS = 3 * 3600  # seconds


def act(second: int, account: int, **parts: Any) -> bytes:
    """Something that one of the accounts of a kind does."""
    stamp = (NOW + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    user = {"username": f"system:serviceaccount:shop:app-{account}", "groups": ["system:serviceaccounts"]}
    return raw(second, user=user, requestReceivedTimestamp=stamp, stageTimestamp=stamp, **parts)


def hours(first: int) -> list[bytes]:
    """Eight accounts read pods for hours, and then nothing."""
    return [act(second, second // 10 % 8) for second in range(first, first + HOURS, 10)]


def listing(second: int, account: int) -> bytes:
    return act(second, account, verb="list", objectRef={"resource": "secrets"})


@pytest.mark.parametrize(("scope", "told"), [(None, True), ("entity", True), ("group", False)])
def test_what_is_benign_for_a_group_is_no_news_from_its_other_members(
    tmp_path: Path, scope: str | None, told: bool
) -> None:
    def novelty() -> dict[str, Any]:
        options = {"alerts_a_day": 10_000, "most_a_day": 1_000_000, "floor": 5}
        return make_detectors(DetectorsConfig(enabled=["novelty"], novelty=options))  # type: ignore[call-arg]

    first = [*hours(0), listing(HOURS, 3)]
    second = [*hours(HOURS + 10), listing(2 * HOURS + 10, 5)]
    with looking(tmp_path, [batch(first, 0)], novelty()) as made:
        made.run()
        assert any("first `list secrets`" in each for each in behaviour(made))
        if scope:
            decided(made, "benign_positive", scope)
    with looking(tmp_path, [batch(second, 1)], novelty()) as made:
        made.run()
        of_five = [each for each in behaviour(made) if "app-5 " in each and "first `list secrets`" in each]
        assert bool(of_five) is told


def test_an_alert_grows_by_what_follows_a_decoy_and_sinks_hear_how_grave_it_is(tmp_path: Path) -> None:
    def by(account: int, minute: int, number: int, **parts: Any) -> bytes:
        stamp = (NOW + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        user = {"username": f"system:serviceaccount:shop:app-{account}", "groups": ["system:serviceaccounts"]}
        return raw(number, user=user, requestReceivedTimestamp=stamp, stageTimestamp=stamp, **parts)

    steps, end = range(0, 3 * 1440, 10), 3 * 1440
    calm = [by(account, minute, minute + account) for minute in steps for account in range(10)]
    decoy = by(3, end, end, userAgent="curl/8.0", verb="list")
    grave = [
        by(3, end + 6, end + 6, userAgent="wget", verb="list", objectRef={"resource": "secrets"}),
        by(
            3,
            end + 6,
            end + 7,
            sourceIPs=["203.0.113.9"],
            verb="create",
            objectRef={"resource": "clusterrolebindings"},
        ),
    ]
    detectors = make_detectors(DetectorsConfig(enabled=["novelty"]))  # type: ignore[call-arg]
    with looking(tmp_path, [batch(calm, 0), batch([decoy], 1), batch(grave, 2)], detectors) as made:
        made.run()
        (alert,) = made.database.alerts.listed(user="system:serviceaccount:shop:app-3").alerts
        assert (alert["severity"], alert["count"]) == ("high", 2)
        document = made.database.alerts.show(alert["id"])["document"]
        assert made.pipeline.deliverers[0].sink.alerts[-1] == document  # type: ignore[attr-defined]
    terms = {term["value"] for term in document["tallyman"]["alert"]["evidence"]["terms"]}
    assert {"curl", "wget", "list secrets", "create clusterrolebindings", "203.0.113.0/24"} <= terms
    assert len(document["kibana"]["alert"]["ancestors"]) == 3
