"""One process collects, two others answer: what is decided at one of them is known to all three."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from api.app import create_app
from rules.engine import Pack
from store.elastic.client import Away
from tallyman.config import Config
from tallyman.opening import now
from tallyman.serving import make_services
from tallyman.states import open_state
from tallyman.stores import make_store
from tallyman.wiring import make_normalizer
from tests.contract.states import unmake
from tests.end_to_end.living import configured, living, record
from tests.end_to_end.waiting import until

with warnings.catch_warnings():  # Starlette would rather have httpx's successor, which few have yet
    warnings.filterwarnings("ignore", "Using `httpx`")
    from fastapi.testclient import TestClient

SOON = 60.0  # seconds
BASE = "http://127.0.0.1"


@pytest.fixture
def config(elasticsearch: Any, tmp_path: Path) -> Iterator[Config]:
    """Of a cluster with a namespace of its own, gone afterwards."""
    section = {"hosts": [elasticsearch.url], "namespace": f"t{uuid4().hex[:12]}"}
    store = {"path": tmp_path / "store", "type": "elasticsearch", "elasticsearch": section}
    made = configured(tmp_path, store=store)
    yield made
    state = open_state(made)
    unmake_all(state)
    state.close()


def unmake_all(state: Any) -> None:
    state.client.indices.delete_data_stream(name=f"logs-*-{state.names.namespace}")
    unmake(state.client, state.names)
    for template in state.client.indices.get_index_template(name="tallyman-*")["index_templates"]:
        if template["name"].endswith(state.names.namespace):
            state.client.indices.delete_index_template(name=template["name"])


@contextmanager
def replica(config: Config) -> Iterator[tuple[Any, Any]]:
    """`tallyman serve` on another machine, asked without a network; and its state."""
    with ExitStack() as opened:
        store = opened.enter_context(make_store(config, make_normalizer(config)))
        state = open_state(config)
        opened.callback(state.close)
        services = make_services(config, store, state, lambda: Pack())
        yield TestClient(create_app(services), BASE, follow_redirects=False), state


def listed(state: Any) -> list[Any]:
    """The alerts; none while their index is being made."""
    try:
        found: list[Any] = state.alerts.listed().alerts
    except Away:
        return []
    return found


def count(client: TestClient, name: str) -> float:
    counters: dict[str, float] = client.get("/api/v1/status").json()["counters"]
    return counters.get(name, 0.0)


def test_replicas_share_logins_and_decisions_with_the_process_that_collects(
    config: Config, tmp_path: Path
) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(record(1, verb="delete") + b"\n")
    with living(tmp_path, config) as run, replica(config) as (first, state), replica(config) as (second, _):
        until(lambda: listed(state), SOON, run.thread.is_alive)
        link = state.tokens.login("page", "analyst", 600, now())
        assert second.get(f"/?token={link}").status_code == 303
        assert first.get(f"/?token={link}").status_code == 401
        first.cookies = second.cookies  # a balancer sends the same browser to either

        (alert,) = first.get("/api/v1/alerts").json()["alerts"]
        decision = {"ids": [alert["id"]], "action": "close", "reason": "benign_positive", "version": 1}
        headers = {"Origin": BASE}
        assert first.post("/api/v1/alerts/triage", json=decision, headers=headers).json() == {"changed": 1}
        refused = second.post("/api/v1/alerts/triage", json=decision, headers=headers)
        assert refused.status_code == 409 and "was made closed by page" in refused.json()["detail"]
        assert second.get(f"/api/v1/alerts/{alert['id']}").json()["status"] == "closed"

        local = run.whole.database.alerts
        until(lambda: local.show(alert["id"])["status"] == "closed", SOON, run.thread.is_alive)
        with open(log, "ab", buffering=0) as file:
            file.write(record(2, verb="delete", user={"username": "user-1"}) + b"\n")
        until(lambda: len(first.get("/api/v1/alerts").json()["alerts"]) == 2, SOON, run.thread.is_alive)
        acts = second.get("/api/v1/audit").json()["acts"]
        assert {"login", "close alerts", "login refused"} <= {act["action"] for act in acts}
        assert second.get("/api/v1/status").json()["alerts_open"]["high"] == 1
        counted = partial(count, second, "alerts")  # the run writes its counters down once a second
        until(lambda: counted() >= 1, SOON, run.thread.is_alive)
    assert run.told() == ["user-1", "user-1"]
