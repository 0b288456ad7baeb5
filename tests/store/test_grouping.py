from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_model.alert import MOST_ANCESTORS, Match, alert_id
from event_model.event import identity
from store.grouping import Grouping, Groups, iso, seconds
from tests.store.matches import NOW, RULE, event, match, rule, unusual


def fold(*matches: Match, window: float = 3600) -> list[dict]:
    grouping = Grouping(window)
    grouping.add(matches, NOW)
    return [document["kibana"]["alert"] for document in grouping.documents()]


def test_matches_of_one_rule_and_group_within_the_window_are_one_alert() -> None:
    alert, other = fold(match(0), match(10), match(12, user="bob"), match(69), match(40))
    assert alert["uuid"] == alert_id(match(0))
    assert alert["suppression"] == {
        "terms": [
            {"field": "user.name", "value": "alice"},
            {"field": "orchestrator.namespace", "value": "shop"},
        ],
        "docs_count": 3,
        "start": "2026-11-23T09:00:00Z",
        "end": "2026-11-23T10:09:00Z",
    }
    assert (alert["start"], alert["end"]) == ("2026-11-23T09:00:00Z", "2026-11-23T10:09:00Z")
    assert alert["duration"] == {"us": 69 * 60 * 1_000_000}
    assert [each["id"] for each in alert["ancestors"]] == [identity(event(m)) for m in (0, 10, 69, 40)]
    assert other["uuid"] == alert_id(match(12, user="bob")) and other["suppression"]["docs_count"] == 0


def test_the_window_begins_anew_with_each_match() -> None:
    assert [
        alert["suppression"]["docs_count"] for alert in fold(match(0), match(59), match(118), match(179))
    ] == [2, 0]


def test_rules_clusters_and_groups_are_kept_apart() -> None:
    assert (
        len(fold(match(0), match(1, cluster="test"), match(2, user="bob"), match(3, rule=rule("other")))) == 4
    )


def test_the_same_match_counts_once() -> None:
    (alert,) = fold(match(0), match(5), match(0), match(5), match(5))
    assert alert["suppression"]["docs_count"] == 1 and len(alert["ancestors"]) == 2


def test_matches_that_come_in_the_wrong_order_find_their_alert() -> None:
    alerts = fold(match(60 * 24), match(0), match(60 * 24 + 5), match(10), match(60 * 24 - 5))
    assert [alert["suppression"]["docs_count"] for alert in alerts] == [2, 1]
    assert alerts[0]["start"] == "2026-11-24T08:55:00Z"


def test_an_alert_names_a_hundred_events_and_counts_the_rest() -> None:
    (alert,) = fold(*(match(0, text=str(number)) for number in range(250)))
    assert len(alert["ancestors"]) == MOST_ANCESTORS and alert["suppression"]["docs_count"] == 249


def test_a_match_of_several_events_spans_them() -> None:
    several = Match(RULE, (event(-120), event(0)), "several", {}, ("alice", "shop"))
    (alert,) = fold(several, match(-150))
    assert (alert["start"], alert["end"]) == ("2026-11-23T06:30:00Z", "2026-11-23T09:00:00Z")
    assert len(alert["ancestors"]) == 3


def test_a_rule_without_a_group_still_folds() -> None:
    plain = Match(rule("plain"), (event(0),), "x")
    (alert,) = fold(plain, Match(rule("plain"), (event(1),), "x"))
    assert alert["suppression"]["docs_count"] == 1


def test_the_groups_held_are_bounded() -> None:
    groups = Groups(most=3)
    for number in range(5):
        groups.place(str(number), match(0, user=f"user{number}"), NOW)
    assert not groups.place("x", match(1, user="user4"), NOW)[1]
    assert groups.place("x", match(1, user="user0"), NOW)[1]
    for number in range(100):
        groups.place("x", match(number * 200), NOW)
    assert not groups.place("x", match(99 * 200 + 1), NOW)[1] and groups.place("x", match(1), NOW)[1]


def test_an_alert_is_as_grave_as_its_gravest_match_and_has_the_reasons_of_all() -> None:
    grouping = Grouping()
    grouping.add([unusual(0, 12, "list widgets"), unusual(6, 24, "list secrets", level="high")], NOW)
    grouping.add([unusual(9, 14, "get nodes")], NOW)
    (document,) = grouping.documents()
    alert, evidence = document["kibana"]["alert"], document["tallyman"]["alert"]["evidence"]
    assert (alert["severity"], alert["risk_score"], alert["reason"]) == ("high", 96, "alice: list secrets")
    assert evidence["score"] == 24 and alert["suppression"]["docs_count"] == 2
    assert {term["value"] for term in evidence["terms"]} == {"list widgets", "list secrets", "get nodes"}


def test_an_alert_names_each_event_once_though_it_is_told_with_it_again() -> None:
    first, second = event(0), event(1)
    (alert,) = fold(Match(RULE, (first,), "x", {}, ("a",)), Match(RULE, (first, second), "x", {}, ("a",)))
    assert [each["id"] for each in alert["ancestors"]] == [identity(first), identity(second)]


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.9999999Z",
        "2026-11-23T09:00:00.123456789Z",
        "2026-11-23",
    ],
)
def test_any_time_can_be_read_and_written(text: str) -> None:
    assert seconds(iso(seconds(text))) == seconds(text)


def test_what_is_no_time_is_now() -> None:
    assert seconds("2026-11-23T23:59:60Z", 7.0) == 7.0 and seconds("", 7.0) == 7.0
    assert seconds("2026-11-23T09:00:00") == datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp()


@given(st.permutations(list(range(12))), st.lists(st.integers(0, 11), max_size=6))
def test_neither_order_nor_repetition_changes_what_is_counted(order: list[int], again: list[int]) -> None:
    alerts = fold(*(match(number * 50) for number in [*order, *again]))
    assert sum(alert["suppression"]["docs_count"] + 1 for alert in alerts) == 12
