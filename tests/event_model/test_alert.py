from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from msgspec.structs import replace

from event_model.alert import LEVELS, MOST_ANCESTORS, Match, RuleInfo, alert_document, alert_id
from event_model.event import Event, Origin, Record, identity

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RULE = RuleInfo(
    "0a4d4a52-8c2e-4f0e-9d1d-6f6f3d8f0b11", "k8s_secret_read", "Secret read", "high", "Someone read a secret.",
    tags=("attack.t1552.007",), techniques=("T1552.007",), controls=("cis-k8s:5.1.2",),
)  # fmt: skip


def event(number: int) -> Event:
    return Event(
        Record(b"%d" % number), Origin("audit", "kubernetes_audit", cluster="prod"), {}, lambda event: "alice read a secret",
        f"2026-11-02T10:00:0{number % 10}Z", "kubernetes.audit_logs", user_name="alice",
    )  # fmt: skip


MATCH = Match(RULE, (event(1), event(2)), "alice read a secret", {"verb": "get", "n": 10**30}, ("alice",))


def test_the_same_rule_version_and_events_make_the_same_alert() -> None:
    assert alert_id(MATCH) == alert_id(replace(MATCH, reason="in other words"))
    assert len(alert_id(MATCH)) == 40
    others = [
        replace(MATCH, events=(event(1),)),
        replace(MATCH, events=(event(2), event(1))),
        replace(MATCH, rule=replace(RULE, version="2")),
        replace(MATCH, rule=replace(RULE, uuid="1a4d4a52-8c2e-4f0e-9d1d-6f6f3d8f0b11")),
    ]
    assert len({alert_id(each) for each in (MATCH, *others)}) == 5


def test_a_document_says_what_why_when_and_by_which_rule() -> None:
    made = alert_document(MATCH, NOW)
    alert = made["kibana"]["alert"]
    assert (alert["uuid"], alert["reason"], alert["severity"], alert["risk_score"]) == (
        alert_id(MATCH),
        "alice read a secret",
        "high",
        73,
    )
    assert (alert["status"], alert["workflow_status"], alert["depth"]) == ("active", "open", 1)
    assert (alert["start"], alert["end"], alert["last_detected"]) == (
        "2026-11-02T10:00:01Z",
        "2026-11-02T10:00:02Z",
        "2026-11-23T12:00:00Z",
    )
    assert (alert["rule"]["uuid"], alert["rule"]["rule_id"], alert["rule"]["name"]) == (
        RULE.uuid,
        RULE.rule_id,
        RULE.name,
    )
    assert alert["ancestors"] == [
        {"id": identity(each), "hash": each.record.hash(), "type": "event", "depth": 0}
        for each in MATCH.events
    ]
    assert made["threat"] == {"framework": "MITRE ATT&CK", "technique": {"id": ["T1552.007"]}}
    assert (made["@timestamp"], made["event"]["kind"], made["user"]["name"]) == (
        "2026-11-23T12:00:00Z",
        "signal",
        "alice",
    )
    assert made["tallyman"]["alert"]["controls"] == ["cis-k8s:5.1.2"]


def test_a_document_can_be_written_whatever_met_the_rule() -> None:
    made = orjson.loads(orjson.dumps(alert_document(MATCH, NOW)))
    assert made["tallyman"]["alert"]["matched"] == {"verb": "get", "n": 1e30}


def test_a_document_names_so_many_events_and_no_more() -> None:
    many = replace(MATCH, events=tuple(event(number) for number in range(MOST_ANCESTORS + 50)))
    assert len(alert_document(many, NOW)["kibana"]["alert"]["ancestors"]) == MOST_ANCESTORS


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_of_sigma_has_a_severity_and_a_score(level: str) -> None:
    alert = alert_document(replace(MATCH, rule=replace(RULE, level=level)), NOW)["kibana"]["alert"]
    assert (alert["severity"], alert["risk_score"]) == LEVELS[level]
    assert replace(MATCH, rule=replace(RULE, level=level)).severity == LEVELS[level][0]
