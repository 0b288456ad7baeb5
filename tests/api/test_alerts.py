from typing import Any

import pytest

from tests.api.world import TestClient, World, record

ALERTS = "/api/v1/alerts"


def listed(client: TestClient, **wanted: Any) -> list[dict[str, Any]]:
    answer = client.get(ALERTS, params=wanted)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["alerts"]
    return found


def decide(client: TestClient, ids: list[str], action: str, **more: Any) -> Any:
    return client.post(f"{ALERTS}/triage", json={"ids": ids, "action": action, **more})


def test_alerts_are_listed_newest_first_with_what_is_open(same: World) -> None:
    page = same.client().get(ALERTS).json()
    assert [alert["start"][11:16] for alert in page["alerts"]] == ["09:52", "09:51", "09:50"]
    assert page["open"] == {"low": 0, "medium": 0, "high": 3, "critical": 0} and page["after"] is None
    first = page["alerts"][0]
    assert (
        first["rule_id"] == "secret_read"
        and first["severity"] == "high"
        and first["user"] == "alice@example.com"
    )


def test_a_list_of_alerts_is_cut_into_pages(same: World) -> None:
    client = same.client()
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = client.get(ALERTS, params={"size": 2, "after": after}).json()
        seen += [alert["id"] for alert in page["alerts"]]
        after = page["after"]
    assert len(seen) == len(set(seen)) == 3


def test_alerts_are_chosen_by_what_is_known_of_them(same: World) -> None:
    client = same.client()
    assert (
        len(listed(client, status="open", severity="high", rule="secret_read", user="alice@example.com")) == 3
    )
    assert len(listed(client, since="09:51", until="09:52")) == 1
    for nothing in ({"status": "closed"}, {"severity": "critical"}, {"rule": "x"}, {"user": "bob"}):
        assert listed(client, **nothing) == []


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("status", "new", 422), ("severity", "worst", 422), ("size", 0, 422), ("size", 1001, 422),
        ("rule", "x" * 256, 422), ("user", "x" * 1001, 422), ("since", "soon", 400), ("after", "kQE=", 400),
    ],
)  # fmt: skip
def test_parameters_out_of_bounds_are_named(same: World, name: str, value: Any, code: int) -> None:
    answer = same.client().get(ALERTS, params={name: value})
    assert answer.status_code == code and name in answer.json()["detail"]


def test_an_alert_says_why_and_names_its_events(same: World) -> None:
    client = same.client()
    [first, *_] = listed(client)
    alert = client.get(f"{ALERTS}/{first['id'][:8]}").json()
    assert alert["id"] == first["id"] and alert["history"] == []
    assert alert["document"]["tallyman"]["alert"]["matched"]["verb"] == "get"
    [ancestor] = alert["document"]["kibana"]["alert"]["ancestors"]
    event = client.get(f"/api/v1/events/{ancestor['id']}").json()["event"]
    assert event["event"]["hash"] == ancestor["hash"] and event["orchestrator"]["resource"]["name"] == "s2"
    assert client.get(f"{ALERTS}/ffffffff").status_code == 404
    assert client.get(f"{ALERTS}/xyz").status_code == 422


def test_an_alert_goes_from_open_to_closed_and_back_with_its_history(fresh: World) -> None:
    client = fresh.client(name="carol")
    [first, *_] = listed(client)
    assert decide(client, [first["id"]], "acknowledge", version=first["version"]).json() == {"changed": 1}
    assert decide(client, [first["id"]], "acknowledge").json() == {"changed": 0}
    assert decide(client, [first["id"]], "close", reason="benign_positive", note="on call").json() == {
        "changed": 1
    }
    alert = client.get(f"{ALERTS}/{first['id']}").json()
    assert (alert["status"], alert["closed_as"], alert["decided_by"]) == (
        "closed",
        "benign_positive",
        "carol",
    )
    assert alert["document"]["kibana"]["alert"]["workflow_status"] == "closed"
    assert decide(client, [first["id"]], "reopen", version=alert["version"]).json() == {"changed": 1}
    steps = client.get(f"{ALERTS}/{first['id']}").json()["history"]
    assert [(step["user"], step["action"], step["reason"], step["note"]) for step in steps] == [
        ("carol", "acknowledge", None, ""),
        ("carol", "close", "benign_positive", "on call"),
        ("carol", "reopen", None, ""),
    ]
    assert [act["detail"]["ids"] for act in fresh.acts("close alerts")] == [[first["id"]]]


def test_who_decides_second_is_told_who_was_first(fresh: World) -> None:
    carol, dave = fresh.client(name="carol"), fresh.client(name="dave")
    [seen, *_] = listed(carol)
    decide(carol, [seen["id"]], "close", reason="true_positive", version=seen["version"])
    answer = decide(dave, [seen["id"]], "acknowledge", version=seen["version"])
    assert answer.status_code == 409 and "closed by carol" in answer.json()["detail"]
    assert carol.get(f"{ALERTS}/{seen['id']}").json()["status"] == "closed"


def test_many_are_decided_about_at_once_or_none(fresh: World) -> None:
    client = fresh.client()
    ids = [alert["id"] for alert in listed(client)]
    answer = decide(client, [*ids, "ffffffff"], "close", reason="duplicate")
    assert answer.status_code == 404 and "ffffffff" in answer.json()["detail"]
    assert len(listed(client, status="open")) == 3
    assert decide(client, ids, "close", reason="duplicate").json() == {"changed": 3}
    assert client.get(ALERTS).json()["open"]["high"] == 0


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"ids": ["abcd"], "action": "close"}, "closing asks for a reason"),
        ({"ids": ["abcd"], "action": "close", "reason": "bored"}, "reason"),
        ({"ids": ["abcd"], "action": "delete"}, "action"),
        ({"ids": [], "action": "reopen"}, "ids"),
        ({"ids": ["abcd"] * 1001, "action": "reopen"}, "ids"),
        ({"ids": ["%"], "action": "reopen"}, "ids"),
        ({"ids": ["abcd", "abce"], "action": "reopen", "version": 1}, "a version is of one alert"),
        ({"ids": ["abcd"], "action": "reopen", "version": 1 << 80}, "version"),
        ({"ids": ["abcd"], "action": "reopen", "note": "x" * 10_001}, "note"),
        ([], "dictionary"),
    ],
)
def test_a_decision_must_make_sense(same: World, body: Any, what: str) -> None:
    answer = same.client().post(f"{ALERTS}/triage", json=body)
    assert answer.status_code == 422 and what in answer.json()["detail"]


def test_text_that_is_not_json_is_named_as_such(same: World) -> None:
    answer = same.client().post(
        f"{ALERTS}/triage", content=b"{ids", headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert answer.status_code == 422 and "JSON" in answer.json()["detail"]


def test_a_repeated_act_joins_its_alert_and_a_new_one_is_listed(fresh: World) -> None:
    client = fresh.client()
    fresh.write(
        [record(55, "alice@example.com", "get", "secrets", "s2"), record(56, "bob", "get", "secrets", "s2")]
    )
    alerts = listed(client)
    assert [(alert["user"], alert["count"]) for alert in alerts][:2] == [("bob", 1), ("alice@example.com", 2)]


def test_rules_tell_of_themselves(same: World) -> None:
    client = same.client()
    [rule] = client.get("/api/v1/rules").json()["rules"]
    assert rule["rule_id"] == "secret_read" and rule["techniques"] == ["T1552"] and rule["level"] == "high"
    for name in (rule["id"], "secret_read"):
        assert client.get(f"/api/v1/rules/{name}").json() == rule
    answer = client.get("/api/v1/rules/secrets_read")
    assert answer.status_code == 404 and "Did you mean 'secret_read'?" in answer.json()["detail"]
