"""What alerts must do in every state, wherever it is kept: grow, be listed, filtered and found."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from event_model.alert import alert_id
from event_model.errors import QueryError
from store.triage import Unknown
from tests.contract import states
from tests.contract.states import Keeping, decide
from tests.store.matches import NOW, match, rule, unusual

TIME = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
cluster, kept = states.cluster, states.kept  # fixtures


def test_a_match_becomes_an_alert_that_says_all_of_it(kept: Keeping) -> None:
    (id,) = kept.record(match())
    (alert,) = kept.state.alerts.listed().alerts
    assert alert == {
        "id": id, "rule_id": "secret_read", "rule_uuid": match().rule.uuid, "rule_name": "Secret read",
        "severity": "high", "risk_score": 73, "reason": "alice read a secret", "user": "alice",
        "start": "2026-11-23T09:00:00Z", "end": "2026-11-23T09:00:00Z", "count": 1,
        "last_detected": "2026-11-23T09:00:30Z", "status": "open", "closed_as": None,
        "decided_by": None, "decided": None, "version": 1,
    }  # fmt: skip
    shown = kept.other.alerts.show(id)
    assert shown["history"] == [] and shown["document"]["kibana"]["alert"]["uuid"] == id
    assert shown["document"]["user"]["name"] == "alice"


def test_a_moment_is_kept_to_the_microsecond(kept: Keeping) -> None:
    kept.record(match(), now=NOW + 0.1234567)
    (record,) = kept.state.alerts.records()
    assert record.detected == NOW + 0.123457


def test_later_matches_of_the_group_join_the_alert(kept: Keeping) -> None:
    (id,) = kept.record(match(0), match(5))
    assert kept.record(match(10), match(20), now=NOW + 1200) == []
    shown = kept.state.alerts.show(id)
    alert = shown["document"]["kibana"]["alert"]
    assert (shown["count"], shown["end"], shown["last_detected"]) == (
        4, "2026-11-23T09:20:00Z", "2026-11-23T09:20:30Z",
    )  # fmt: skip
    assert (alert["start"], alert["end"], alert["duration"]) == (
        "2026-11-23T09:00:00Z",
        "2026-11-23T09:20:00Z",
        {"us": 1_200_000_000},
    )
    assert alert["suppression"]["docs_count"] == 3 and len(alert["ancestors"]) == 4


def test_an_alert_grows_with_a_match_that_is_graver(kept: Keeping) -> None:
    (id,) = kept.record(unusual(0, 12, "list widgets"))
    assert kept.record(unusual(6, 24, "list secrets", level="high")) == []
    (alert,) = kept.state.alerts.listed(severity="high").alerts
    assert (alert["id"], alert["count"], alert["severity"]) == (id, 2, "high")
    assert (alert["risk_score"], alert["reason"]) == (96, "alice: list secrets")
    evidence = kept.state.alerts.show(id)["document"]["tallyman"]["alert"]["evidence"]
    assert evidence["score"] == 24
    assert {term["value"] for term in evidence["terms"]} == {"list widgets", "list secrets"}
    kept.record(unusual(9, 13, "get nodes"))
    (alert,) = kept.state.alerts.listed().alerts
    assert (alert["count"], alert["severity"], alert["risk_score"]) == (3, "high", 96)


def test_after_closing_a_new_match_opens_a_new_alert_and_after_acknowledging_it_does_not(
    kept: Any,
) -> None:
    (id,) = kept.record(match(0))
    decide(kept.other, "acknowledge", id)
    learn(kept)
    assert kept.record(match(1)) == []
    decide(kept.other, "close", id, reason="benign_positive")
    learn(kept)
    (other,) = kept.record(match(2), match(3))
    assert other == alert_id(match(2)) and kept.state.alerts.show(id)["count"] == 2
    assert kept.state.alerts.show(other)["count"] == 2


def learn(kept: Any) -> None:
    """Have the collecting process know what was decided, where that does not come by itself."""
    if hasattr(kept, "publisher"):
        kept.publisher._decisions = None  # looks again at once
        while kept.publisher.adopt():
            pass


def test_lists_are_newest_first_and_come_in_pages(kept: Keeping) -> None:
    kept.record(*(match(minute, user=f"user{minute}") for minute in (3, 1, 4, 0, 2)))
    kept.record(match(4, user="also at four"))
    seen, after = [], None
    while True:
        page = kept.state.alerts.listed(limit=2, after=after)
        seen += [alert["user"] for alert in page.alerts]
        after = page.after
        if after is None:
            break
    assert sorted(seen[:2]) == ["also at four", "user4"]
    assert seen[2:] == ["user3", "user2", "user1", "user0"]
    assert kept.state.alerts.listed(limit=0).alerts == []
    with pytest.raises(QueryError, match="earlier page"):
        kept.state.alerts.listed(after="elsewhere")


def test_lists_are_filtered(kept: Keeping) -> None:
    kept.record(
        match(0),
        match(1, user="bob", rule=rule("quiet_rule", "low")),
        match(120, rule=rule("loud", "critical")),
    )
    book = kept.state.alerts
    (id,) = [alert["id"] for alert in book.listed(rule="secret_read").alerts]
    decide(kept.other, "acknowledge", id)

    def rules(**named: Any) -> list[str]:
        return [alert["rule_id"] for alert in book.listed(**named).alerts]

    assert rules() == ["loud", "quiet_rule", "secret_read"]
    assert rules(severity="high") == ["loud", "secret_read"]
    assert rules(status="acknowledged") == ["secret_read"] and rules(status="closed") == []
    assert rules(rule="uuid-of-loud") == ["loud"]
    assert rules(user="bob") == ["quiet_rule"]
    assert rules(since="2026-11-23T09:01:00Z") == ["loud", "quiet_rule"]
    assert rules(until="2026-11-23T09:01:00Z") == ["secret_read"]
    with pytest.raises(ValueError, match=r"'hgh' is no severity; .* Did you mean 'high'"):
        book.listed(severity="hgh")
    assert book.open_by_severity() == {"low": 1, "medium": 0, "high": 0, "critical": 1}


def test_the_beginning_of_an_id_is_enough(kept: Keeping) -> None:
    ids = kept.record(*(match(0, user=f"user{number}") for number in range(40)))
    assert kept.state.alerts.show(ids[0][:12])["id"] == ids[0]
    for wrong, text in (("", "no alert"), ("zz", "no alert"), (ids[0] + "0", "no alert")):
        with pytest.raises(Unknown, match=text):
            kept.state.alerts.show(wrong)
    digits = [id[0] for id in ids]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(Unknown, match=r"more than one alert's id: [0-9a-f]{8}, "):
        kept.state.alerts.show(shared)
