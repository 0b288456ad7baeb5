"""The commands around the behaviour detectors, on a few hours of accounts at work and one that is stolen."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tallyman.commands.status import detector
from tests.tallyman.world import Ran, objects

START = datetime(2026, 11, 2, tzinfo=UTC)
THIEF = "system:serviceaccount:shop:app-3"


def line(second: int, account: str, **parts: Any) -> str:
    stamp = (START + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    record = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": f"id-{second}",
        "stage": "ResponseComplete", "requestURI": "/x", "verb": "get",
        "user": {"username": account, "groups": ["system:serviceaccounts"]},
        "sourceIPs": ["10.0.0.1"], "userAgent": "app/v1", "objectRef": {"resource": "pods", "namespace": "shop", "name": "web"},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": stamp, "stageTimestamp": stamp,
    }  # fmt: skip
    return json.dumps({**record, **parts})


def week() -> list[str]:
    """Eight accounts read pods for six hours."""
    return [
        line(second, f"system:serviceaccount:shop:app-{second // 10 % 8}") for second in range(0, 21_600, 10)
    ]


STOLEN = line(
    21_600, THIEF, verb="list", objectRef={"resource": "secrets"}, sourceIPs=["203.0.113.9"], userAgent="curl/8"
)  # fmt: skip


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of ordinary hours, and one of the theft after them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("TALLYMAN_DETECTORS__ENABLED", '["novelty"]')
    (tmp_path / "week.log").write_text("\n".join(week()) + "\n")
    (tmp_path / "today.log").write_text(STOLEN + "\n")
    return tmp_path


def test_what_was_learnt_from_one_file_tells_what_is_unusual_in_another(tallyman: Ran, logs: Path) -> None:
    code, out, err = tallyman("detect", "train", str(logs / "week.log"), "--out", str(logs / "model"))
    assert (code, out) == (0, "") and "2,160 events" in err
    code, out, _ = tallyman(
        "detect", "score", str(logs / "today.log"), "--model", str(logs / "model"), "--json"
    )
    (found,) = objects(out)
    assert code == 0
    assert (found["entity"], found["event_ids"]) == (THIEF, ["id-21600"])
    assert found["score"] > 10 and "first `list secrets` in 6 hours" in found["reason"]
    assert {term["value"] for term in found["evidence"]["terms"]} >= {
        "list secrets",
        "203.0.113.0/24",
        "curl",
    }


def test_scores_are_a_table_for_people(tallyman: Ran, logs: Path) -> None:
    code, out, _ = tallyman(
        "detect", "score", str(logs / "week.log"), str(logs / "today.log"), "--floor", "9"
    )
    last = out.splitlines()[-1].split("\t")
    assert (code, last[0], last[2]) == (0, "2026-11-02 06:00:00", THIEF)


def test_files_are_looked_through_in_the_order_of_time(tallyman: Ran, logs: Path) -> None:
    there = [tallyman("detect", "score", *map(str, paths), "--json")[1] for paths in (
        (logs / "week.log", logs / "today.log"), (logs / "today.log", logs / "week.log"))]  # fmt: skip
    assert there[0] == there[1] != ""


def test_evaluate_writes_what_can_be_scored(tallyman: Ran, logs: Path) -> None:
    (logs / "stream.jsonl").write_text("\n".join([*week(), STOLEN]) + "\n")
    stream, out = str(logs / "stream.jsonl"), logs / "alerts.jsonl"
    assert tallyman("detect", "evaluate", stream, "--out", str(out))[0] == 0
    ranked = objects(out.read_text())
    assert set(ranked[0]) >= {"time", "score", "entity", "event_ids"}
    assert all(each["score"] >= 4 for each in ranked)
    top = max(ranked, key=lambda each: each["score"])
    assert (top["entity"], top["event_ids"][-1], top["time"][:19]) == (
        THIEF,
        "id-21600",
        "2026-11-02T06:00:00",
    )
    assert tallyman("detect", "evaluate", stream, "--out", str(out), "--budget", "3", "--floor", "9")[0] == 0
    told = objects(out.read_text())
    assert THIEF in {each["entity"] for each in told} and len(told) < len(ranked)
    assert (
        tallyman("detect", "evaluate", stream, "--out", str(out), "--budget", "0.5", "--floor", "4")[0] == 0
    )
    told = objects(out.read_text())
    assert told and "low" not in {each["level"] for each in told}  # what is beyond the cap is no alert
    assert tallyman("detect", "evaluate", stream, "--out", str(out), "--floor", "1000")[0] == 0
    assert out.read_text() == ""


def test_explain_gives_the_reasons_in_files_by_entity_and_by_event(tallyman: Ran, logs: Path) -> None:
    for what in (THIEF, "id-21600"):
        code, out, _ = tallyman("detect", "explain", what, str(logs / "week.log"), str(logs / "today.log"))
        assert code == 0
        assert out.count("first `list secrets`") == 1 and "usual" in out and "get pods" in out
    code, _, err = tallyman("detect", "explain", THIEF[:-1] + "33", str(logs / "today.log"))
    assert code == 2 and "nothing unusual about" in err and f"Did you mean '{THIEF}'?" in err


def test_mistakes_are_answered_with_what_there_is(tallyman: Ran, logs: Path) -> None:
    today = str(logs / "today.log")
    code, _, err = tallyman("detect", "score", today, "--detector", "novelt")
    assert code == 2 and "no detector 'novelt'; there are " in err and "Did you mean 'novelty'?" in err
    (logs / "model").write_bytes(b"something else")
    code, _, err = tallyman("detect", "score", today, "--model", str(logs / "model"))
    assert code == 3 and "model: it is not a snapshot" in err
    assert tallyman("detect", "train", today, "--out", str(logs / "model"))[0] == 0
    code, _, err = tallyman(
        "detect", "score", today, "--model", str(logs / "model"), "--detector", "log_template"
    )
    assert code == 3 and "it holds no memory of log_template, only of actors" in err
    code, _, err = tallyman("detect", "evaluate", "--out", str(logs / "alerts"))
    assert code == 2 and "name the records" in err
    code, _, err = tallyman("detect", "score", today, str(logs / "none.log"))
    assert code == 5 and "none.log: no such file" in err


def test_a_model_is_left_as_it_is_where_nothing_was_learnt(tallyman: Ran, logs: Path) -> None:
    model = logs / "model"
    model.write_bytes(b"a week of somebody's")
    code, _, err = tallyman("detect", "train", str(logs / "none.log"), "--out", str(model))
    assert code == 5 and "none.log: no such file" in err and f"nothing to learn from; {model} is left" in err
    assert model.read_bytes() == b"a week of somebody's"


def test_scan_has_detectors_look_when_asked(tallyman: Ran, logs: Path) -> None:
    files = [str(logs / "week.log"), str(logs / "today.log")]
    plain = objects(tallyman("scan", *files, "--json", "-q")[1])
    code, out, _ = tallyman("scan", *files, "--json", "-q", "--detect")
    both = objects(out)
    assert code == 0
    found = [each for each in both if each["kibana"]["alert"]["rule"]["rule_id"] == "behaviour_novelty"]
    theft = found[-1]["kibana"]["alert"]
    assert len(both) - len(found) == len(plain) and "first `list secrets`" in theft["reason"]
    assert theft["risk_score"] == found[-1]["tallyman"]["alert"]["evidence"]["risk"] > 40
    assert theft["ancestors"][-1]["hash"]


@pytest.fixture
def store(logs: Path, tallyman: Ran, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store in which these hours were read, by the command that reads recorded days."""
    (logs / "day").mkdir()
    (logs / "day" / "kubernetes_audit.jsonl").write_text("\n".join([*week(), STOLEN]) + "\n")
    code, out, _ = tallyman("demo", "--no-serve", "--logs", str(logs / "day"), "--store", str(logs / "store"))
    assert code == 0 and "Behaviour:" in out
    monkeypatch.setenv("TALLYMAN_STORE__PATH", str(logs / "store"))
    monkeypatch.setenv("TALLYMAN_DETECTORS__ENABLED", '["novelty", "rate"]')
    return logs / "store"


def alerts(tallyman: Ran) -> list[dict[str, Any]]:
    out = tallyman("alerts", "list", "--json", "--status", "all", "--user", THIEF, "-n", "1000")[1]
    return [
        each for each in objects(out) if each["kibana"]["alert"]["rule"]["rule_id"] == "behaviour_novelty"
    ]


def test_a_store_says_what_is_usual_and_why_an_alert_was_told(tallyman: Ran, store: Path) -> None:
    id = alerts(tallyman)[0]["kibana"]["alert"]["uuid"]
    for command in (("detect", "explain", id[:10]), ("alerts", "show", id[:10])):
        code, out, _ = tallyman(*command)
        assert code == 0 and "nats of evidence; risk" in out and "first `list secrets`" in out
    code, out, _ = tallyman("entity", THIEF, "--json")
    (about,) = objects(out)
    assert code == 0 and about["usual"]["actors"]["values"]["source"] == ["10.0.0.0/24"]
    assert id in {each["id"] for each in about["alerts"]}
    code, out, _ = tallyman("entity", THIEF)
    assert code == 0 and "get pods" in out and "(actors)" in out and id[:8] in out
    code, _, err = tallyman("entity", THIEF[:-1] + "33")
    assert code == 2 and f"Did you mean '{THIEF}'?" in err
    code, out, _ = tallyman("status")
    assert code == 0 and "detector  actors: " in out and "8 entities" in out
    assert any(line.startswith("detector  novelty: ") and "findings" in line for line in out.splitlines())


def test_a_rules_alert_has_no_evidence_to_explain(tallyman: Ran, store: Path) -> None:
    every = objects(tallyman("alerts", "list", "--json", "-n", "1000")[1])
    other = next(
        each["kibana"]["alert"]
        for each in every
        if "behaviour" not in each["kibana"]["alert"]["rule"]["rule_id"]
    )
    code, _, err = tallyman("detect", "explain", other["uuid"])
    assert code == 2 and "is of a rule" in err and "alerts show" in err


def test_closing_an_alert_tells_the_detectors_for_whom(tallyman: Ran, store: Path) -> None:
    id = alerts(tallyman)[0]["kibana"]["alert"]["uuid"]
    assert "detectors learn of it" in tallyman("alerts", "close", "--help")[1]
    assert tallyman("alerts", "close", id, "--reason", "benign_positive", "--for", "group")[0] == 0
    from datetime import timedelta

    from store.database import Database
    from tallyman.feedback import Feedback

    database = Database(store)
    verdicts = Feedback(database.alerts, timedelta(days=30)).news()
    database.close()
    assert {(each.entity, each.of_group, each.benign) for each in verdicts} == {("application", True, True)}
    assert "list secrets" in {each.value for each in verdicts}


def test_without_files_the_store_is_learnt_from(tallyman: Ran, store: Path, tmp_path: Path) -> None:
    code, _, err = tallyman("detect", "train", "--out", str(tmp_path / "model"))
    assert code == 0 and "2,161 events" in err
    code, out, _ = tallyman("detect", "score", "--json", "--floor", "9")
    assert code == 0 and objects(out)[-1]["entity"] == THIEF


def test_a_detector_that_has_told_nothing_yet_has_a_line_that_says_so() -> None:
    assert detector({"seconds": 0.1}) == "looks on, and has told nothing yet"
    assert detector({"matches": 5.0}) == "5 findings since the last start"
    assert detector({"incidents_day": 104.5, "bytes": 2048.0}) == (
        "104.5 scores above 4 nats a day, snapshot of 2,048 bytes"
    )
    assert (
        detector({"matches": 5.0, "late": 0.0, "crowded": 1200.0})
        == "5 findings since the last start, no room for 1,200 events"
    )
