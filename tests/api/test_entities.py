"""What is usual for an entity, over HTTP, and verdicts about what was unusual."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_model.event import Event
from store.snapshots import Snapshots
from tallyman.config import DetectorsConfig
from tallyman.wiring import make_detectors
from tests.api.world import World, day, record, world

ALICE = "alice@example.com"


@pytest.fixture
def made(tmp_path: Path) -> World:  # type: ignore[misc]
    with world(tmp_path, [*day(), record(60)]) as made:  # the last one ends the window before it
        yield made


def remember(made: World) -> None:
    """What a run does now and then: write down what its detectors have learnt."""
    journal, events = made.journal, list[Event]()
    for partition in journal.partitions():
        for entries in journal.entries(partition):
            events += [made.store.normalize(entry) for entry in entries if not entry.reason]
    detector = make_detectors(DetectorsConfig(enabled=["novelty"]))["actors"]
    detector.inspect(events)
    Snapshots(made.root).save("actors", journal.end, made.time.timestamp(), detector.snapshot())


def test_an_entity_has_what_is_usual_for_it_and_its_alerts(made: World) -> None:
    remember(made)
    found = made.client("auditor").get(f"/api/v1/entities/{ALICE}").json()
    assert found["entity"] == ALICE and found["as_of"] == "2026-11-23T11:00:00Z"
    assert found["usual"]["actors"]["values"]["action"] == ["get secrets"]
    assert [each["user"] for each in found["alerts"]] == [ALICE] * 3
    assert made.acts("view entity")[0]["detail"] == {"entity": ALICE}


def test_an_entity_is_asked_for_in_one_cluster(made: World) -> None:
    remember(made)
    client = made.client("auditor")
    found = client.get(f"/api/v1/entities/{ALICE}").json()["usual"]["actors"]
    assert (found["cluster"], found["also_in"]) == ("prod", [])
    for cluster, detectors in (("prod", ["actors"]), ("test", [])):
        answer = client.get(f"/api/v1/entities/{ALICE}", params={"cluster": cluster}).json()
        assert list(answer["usual"]) == detectors


def test_a_name_may_hold_slashes_and_an_unknown_one_is_not_found(made: World) -> None:
    remember(made)
    answer = made.client("auditor").get("/api/v1/entities/arn:aws:iam::1:user/nobody")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "nothing is known of 'arn:aws:iam::1:user/nobody'"}


def test_without_a_snapshot_there_are_the_alerts(made: World) -> None:
    found = made.client("auditor").get(f"/api/v1/entities/{ALICE}").json()
    assert (found["usual"], found["as_of"], len(found["alerts"])) == ({}, None, 3)


def test_a_newer_snapshot_is_read_and_a_damaged_one_is_none(made: World) -> None:
    client = made.client("auditor")
    remember(made)
    assert client.get(f"/api/v1/entities/{ALICE}").json()["usual"]
    path = Snapshots(made.root).path("actors")
    path.write_bytes(path.read_bytes()[:-1])
    assert client.get(f"/api/v1/entities/{ALICE}").json()["usual"] == {}


def test_nobody_without_a_token_is_told(made: World) -> None:
    assert made.stranger().get(f"/api/v1/entities/{ALICE}").status_code == 401


def test_a_decision_says_for_whom_it_counts(made: World) -> None:
    client = made.client()
    id = client.get("/api/v1/alerts").json()["alerts"][0]["id"]
    decision = {"ids": [id], "action": "close", "reason": "benign_positive", "scope": "group"}
    assert client.post("/api/v1/alerts/triage", json=decision).json() == {"changed": 1}
    assert made.database.alerts.show(id)["history"][-1]["scope"] == "group"
    assert client.post("/api/v1/alerts/triage", json={**decision, "scope": "everyone"}).status_code == 422
