"""What was a secret in a record is nowhere on disk: not in the journal, the index, the state or what a sink wrote."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from collector.reading import read_file
from event_model.parts import Batch
from store.query import parse
from tallyman.__main__ import run
from tallyman.config import Config, SinkConfig, StoreConfig
from tallyman.running import running

SECRET = "hunter2-correct-horse"


def record(**parts: object) -> str:
    whole = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": "a-1", "stage": "ResponseComplete",
        "user": {"username": "mallory@example.com", "groups": ["system:authenticated"]}, "sourceIPs": ["203.0.113.7"],
        "userAgent": "kubectl/v1.35.4", "requestReceivedTimestamp": "2026-11-02T10:00:00.000000Z",
        "stageTimestamp": "2026-11-02T10:00:00.100000Z", "responseStatus": {"code": 201},
    }  # fmt: skip
    return json.dumps({**whole, **parts})


LOG = "\n".join(
    [
        record(
            verb="create", requestURI="/api/v1/namespaces/shop/secrets", objectRef={"resource": "secrets", "namespace": "shop", "name": "db", "apiVersion": "v1"},
            requestObject={"kind": "Secret", "type": "Opaque", "metadata": {"name": "db"}, "stringData": {"password": SECRET}},
        ),
        record(
            verb="get", responseStatus={"code": 101}, objectRef={"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web", "apiVersion": "v1"},
            requestURI=f"/api/v1/namespaces/shop/pods/web/exec?command=mysql&command=--password&command={SECRET}&container=web",
        ),
    ]
)  # fmt: skip


class Once:
    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, positions: dict[str, object], stop: threading.Event) -> list[Batch]:
        return list(read_file(str(self.path), "kubernetes_audit", source="audit", cluster="test"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.log"
    path.write_text(LOG + "\n")
    return path


def test_nothing_on_disk_holds_what_was_a_secret(tmp_path: Path, log: Path) -> None:
    out = tmp_path / "alerts.ndjson"
    config = Config(
        cluster="test",
        store=StoreConfig(path=tmp_path / "store"),
        sinks={"out": SinkConfig(type="file", path=str(out))},
    )
    with running(config, {"audit": Once(log)}) as whole:
        whole.pipeline.run(threading.Event())
        assert whole.store.count(parse("")) == 2
        events = whole.store.search(parse("")).events
        alerts = whole.database.alerts.listed(limit=100).alerts
        documents = [whole.database.alerts.show(alert["id"])["document"] for alert in alerts]
    assert {alert["rule_id"] for alert in alerts} >= {"k8s_secret_body_in_audit_log", "k8s_exec_in_pod"}
    assert all(SECRET not in event.record.raw.decode() + event.message for event in events)
    assert all(len(event.record.hash()) == 64 for event in events)
    assert SECRET not in json.dumps(documents)
    files = [path for path in (out, *(tmp_path / "store").rglob("*")) if path.is_file()]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_what_scan_prints_holds_none_either(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", str(log), "--json"]) == 0
    said = capfd.readouterr()
    assert "k8s_exec_in_pod" in said.out
    assert SECRET not in said.out + said.err
