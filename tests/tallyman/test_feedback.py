"""What people decide about a detector's alerts: heard once, by whom it is for, for its time, and an alert that grows."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from event_model.behaviour import Verdict
from store.grouping import iso
from tallyman import detecting
from tallyman.config import DetectorsConfig
from tallyman.feedback import Feedback
from tallyman.wiring import make_detectors
from tests.end_to_end.waiting import until
from tests.tallyman.first_seen import Detector
from tests.tallyman.looking import NOW, acts, behaviour, looking
from tests.tallyman.world import World, batch, raw


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
        until(lambda: made.alerts(), 60)
        decided(made, "benign_positive")
        until(lambda: first.verdicts, 60)
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
