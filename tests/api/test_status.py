import errno
import os
import shutil
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from api.metrics import exposition
from store.times import micros
from tallyman import standing
from tests.api.world import World


def read(text: str) -> list[Metric]:
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def test_a_probe_is_answered_without_a_token(same: World) -> None:
    client = same.stranger()
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": dict.fromkeys(("journal", "store", "state", "disk"), "ok"),
    }


def test_not_ready_when_the_folder_is_gone_and_ready_when_it_is_back(fresh: World) -> None:
    client, away = fresh.stranger(), fresh.root.with_name("away")
    shutil.move(fresh.root, away)
    answer = client.get("/readyz")
    checks = answer.json()["checks"]
    assert answer.status_code == 503 and answer.json()["status"] == "unavailable"
    assert checks["journal"] != "ok" and checks["state"] != "ok" and checks["disk"] != "ok"
    assert str(fresh.root) not in answer.text  # anyone may ask
    assert client.get("/healthz").status_code == 200
    shutil.move(away, fresh.root)
    assert client.get("/readyz").status_code == 200


def test_not_ready_when_something_else_stands_in_the_place_of_the_folder(fresh: World) -> None:
    away = fresh.root.rename(fresh.root.with_name("away"))
    fresh.root.write_text("")
    checks = fresh.stranger().get("/readyz").json()["checks"]
    assert "no store there" in checks["journal"] and checks["state"] == os.strerror(errno.ENOTDIR)
    fresh.root.unlink()
    away.rename(fresh.root)


def test_not_ready_when_the_disk_is_full(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "LEAST_FREE", 1 << 62)
    answer = fresh.stranger().get("/readyz")
    assert answer.status_code == 503 and answer.json()["checks"]["disk"].endswith("MB left")


def test_a_store_that_fails_is_said_to_be_unavailable(fresh: World) -> None:
    client = fresh.client()
    fresh.database.close()
    answer = client.get("/api/v1/alerts")
    assert answer.status_code == 503 and answer.headers["Retry-After"] and "closed" in answer.json()["detail"]


def test_the_status_tells_how_things_stand(fresh: World) -> None:
    now = micros("2026-11-23T09:00:00Z") / 1e6
    counted = {"started": now, "seen": 0.0, "rules": 3, "rules_broken": 1, "alerts": 3}
    fresh.database.counters.save(
        {**counted, 'ingest_events{source="audit"}': 54, 'ingest_unreadable{source="audit"}': 1}
    )
    status = fresh.client().get("/api/v1/status").json()
    assert status["running"] is False and status["events"] == 55
    assert status["sources"] == {"audit": {"events": 54, "unreadable": 1}}
    assert status["rules"] == {"loaded": 3, "left_out": 1} and status["alerts_open"]["high"] == 3
    assert status["store"]["partitions"] == 1 and status["store"]["retention"] == "90d"
    assert status["counters"]["alerts"] == 3


def test_metrics_can_be_read_by_a_monitoring_system(fresh: World) -> None:
    numbers = {
        'ingest_events{source="audit"}': 54,
        'ingest_events{source="edge"}': 6,
        "alerts": 3,
        "rules": 7,
        "seen": 0,
    }
    fresh.database.counters.save(numbers)
    answer = fresh.client("auditor").get("/metrics")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in read(answer.text)
        for sample in family.samples
    }
    assert (
        found["tallyman_ingest_events_total", "audit"] == 54
        and found["tallyman_ingest_events_total", "edge"] == 6
    )
    assert found["tallyman_alerts_total",] == 3 and found["tallyman_source_failures_total",] == 0
    assert found["tallyman_journal_bytes",] > 1000 and found["tallyman_store_events",] == 55
    assert found["tallyman_alerts_open", "high"] == 3 and found["tallyman_rules_loaded",] == 7
    assert found["tallyman_collecting",] == 0 and ("tallyman_seen_total",) not in found


def test_sinks_have_their_metrics(fresh: World) -> None:
    with fresh.database.file.transaction() as connection:
        for state, alert in (("pending", 1), ("failed", 2), ("failed", 3)):
            connection.execute(
                "INSERT INTO outbox (sink, alert, state, due) VALUES ('hook', ?, ?, 0)", (alert, state)
            )
    text = fresh.client().get("/metrics").text
    assert 'tallyman_notify_waiting{sink="hook"} 1.0' in text
    assert 'tallyman_notify_failures_total{sink="hook"} 2.0' in text


def test_a_source_may_have_any_name() -> None:
    names = ['a"b', "c\\d", "e\nf", "g}h", '{x="y"}']
    text = exposition(
        {f'ingest_events{{source="{name}"}}': number for number, name in enumerate(names)}
    ).decode()
    families = {family.name: family for family in read(text)}
    samples = families["tallyman_ingest_events"].samples
    assert {sample.labels["source"]: sample.value for sample in samples} == {
        name: n for n, name in enumerate(names)
    }


def test_the_api_describes_itself_whole(same: World) -> None:
    api = same.stranger().get("/openapi.json").json()
    assert api["info"]["description"] and {tag["name"] for tag in api["tags"]}
    for path, methods in api["paths"].items():
        for method, route in methods.items():
            where = f"{method} {path}"
            assert route.get("description") and route["tags"] and route["operationId"], where
            assert all(parameter.get("description") for parameter in route.get("parameters", [])), where
            assert all(answer["description"] for answer in route["responses"].values()), where
            if path.startswith("/api/"):
                assert route["security"] and "401" in route["responses"], where
                assert route["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith(
                    "/Problem"
                )
    for name, shape in api["components"]["schemas"].items():
        for field, about in shape.get("properties", {}).items():
            assert about.get("description"), f"{name}.{field}"
    ids = [route["operationId"] for methods in api["paths"].values() for route in methods.values()]
    assert len(ids) == len(set(ids)) and "events_search" in ids


def test_the_store_folder_is_only_the_owners(fresh: World) -> None:
    assert (fresh.root.stat().st_mode & 0o077) == 0 and Path(
        fresh.root / "state.db"
    ).stat().st_mode & 0o077 == 0
