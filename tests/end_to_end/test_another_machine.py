"""What one machine reads into a cluster another machine searches, with nothing but the configuration."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from event_model.fields import document
from rules.engine import Pack
from store.elastic.client import Connection, connect
from tallyman.config import Config
from tallyman.normalizer import Normalizer
from tallyman.serving import make_services, serving
from tallyman.states import open_state
from tallyman.stores import make_store
from tests.end_to_end.living import Living, configured, living, record
from tests.end_to_end.waiting import until
from tests.services.cluster import clean, fresh_names
from tests.tallyman import conftest
from tests.tallyman.world import Ran, objects

tallyman = conftest.tallyman  # a fixture
SEARCHES = [
    ["search", "kind:event", "-n", "1000", "--json", "--raw"],
    ["search", "kind:event", "-n", "7", "--oldest", "--json", "--fields", "user.name"],
    ["search", "requestObject.spec.containers.image:*", "-n", "1000", "--json"],
    ["search", "who:human and not verb:(get or list or watch)", "-n", "1000", "--json"],
    ["search", "--count", "kind:event", "--json"],
    ["search", "--top", "user.name", "-n", "100", "--json", "kind:event"],
    ["search", "--top", "requestObject.kind", "--json", "kind:event"],
    ["search", "--histogram", "--json", "kind:event"],
    ["who", "pods", "--reads", "--limit", "1000", "--json"],
    ["timeline", "user:user-1", "--around", "2026-11-02T10:00:00Z", "--json"],
]


@dataclass
class Machines:
    """Where the cluster is read from, and an embedded store of the same records."""

    elsewhere: dict[str, str]  # environment of a machine that has the configuration only
    embedded: dict[str, str]
    run: Living  # that writes the cluster
    log: Path


def environment(folder: Path, store: dict[str, Any]) -> dict[str, str]:
    """Of a machine whose configuration says this about the store, and nothing else is there."""
    folder.mkdir()
    path = folder / "tallyman.yaml"
    path.write_text(yaml.safe_dump({"store": store, "rules": {"packs": []}, "api": {"port": 0}}))
    return {"TALLYMAN_CONFIG": str(path), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}


@pytest.fixture(scope="module")
def machines(
    elasticsearch: Any, tmp_path_factory: pytest.TempPathFactory, sample_logs: Path
) -> Iterator[Machines]:
    root = tmp_path_factory.mktemp("machines")
    log, names = root / "audit.log", fresh_names()
    lines = (sample_logs / "kubernetes_audit.jsonl").read_bytes().splitlines()
    log.write_bytes(b"".join(line + b"\n" for line in (*lines, record(1), b"not json")))
    source = {"type": "file", "paths": [str(log)], "format": "kubernetes_audit", "poll": 0.1}
    cluster = {"hosts": [elasticsearch.url], "namespace": names.namespace}
    here = {"type": "elasticsearch", "path": str(root / "a" / "store"), "elasticsearch": cluster}
    there = {"type": "elasticsearch", "path": str(root / "b" / "nothing"), "elasticsearch": cluster}
    client = connect(Connection((elasticsearch.url,)))
    try:
        with living(root / "c", configured(root / "c", sources={"audit": source})) as plain:
            plain.until_count(len(lines) + 2)
        with living(root / "a", configured(root / "a", sources={"audit": source}, store=here)) as run:
            run.until_count(len(lines) + 2)
            yield Machines(
                environment(root / "b", there),
                environment(root / "d", {"path": str(root / "c" / "store")}),
                run,
                log,
            )
    finally:
        clean(client, names)
        client.close()


def answer(tallyman: Ran, monkeypatch: pytest.MonkeyPatch, machine: dict[str, str], *words: str) -> Any:
    """What a command prints there, in an order of ours where events happened in one moment."""
    for name, value in machine.items():
        monkeypatch.setenv(name, value)
    code, out, err = tallyman("-q", *words)
    assert code == 0, err
    rows = [json.dumps(row, sort_keys=True) for row in objects(out)]
    return sorted(rows) if "--top" not in words and "--histogram" not in words else rows


@pytest.mark.parametrize("words", SEARCHES, ids=" ".join)
def test_another_machine_answers_as_a_store_of_its_own_would(
    words: list[str], machines: Machines, tallyman: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = answer(tallyman, monkeypatch, machines.elsewhere, *words)
    assert told == answer(tallyman, monkeypatch, machines.embedded, *words)
    assert told


def test_another_machine_says_how_things_stand(
    machines: Machines, tallyman: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    def standing() -> Any:
        return json.loads(answer(tallyman, monkeypatch, machines.elsewhere, "status", "--json")[0])

    until(lambda: standing()["running"], 60)
    status = standing()
    assert status["events"] == machines.run.count()
    assert status["store"]["type"] == "elasticsearch" and status["store"]["partitions"] >= 2
    assert not Path(machines.elsewhere["HOME"], "nothing").exists()


@contextmanager
def process(machine: dict[str, str], *words: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    made = subprocess.Popen(
        [sys.executable, "-m", "tallyman", *words], env={**os.environ, **machine}, text=True, **options
    )
    with made:
        try:
            yield made
        finally:
            made.terminate()
            made.wait(60)


@contextmanager
def served(machine: dict[str, str]) -> Iterator[httpx.Client]:
    """A browser that is logged in to the page there."""
    with process(machine, "serve", stderr=subprocess.PIPE) as serve:
        assert serve.stderr
        link = next(word for line in serve.stderr for word in line.split() if word.startswith("http://"))
        with httpx.Client(
            base_url=link.partition("/?")[0], trust_env=False, timeout=60, follow_redirects=True
        ) as web:
            assert web.get(link).status_code == 200
            yield web


def asked(web: httpx.Client, **parameters: Any) -> Any:
    """A whole search, page after page, with its counts."""
    found: list[Any] = []
    counts: dict[str, Any] = {}
    after: str | None = ""
    while after is not None:
        told = web.get("/api/v1/events", params={**parameters, "after": after})
        assert told.status_code == 200, told.text
        page = told.json()
        found += page.pop("events")
        after = page.pop("after")
        counts = counts or page
    return sorted(found, key=lambda event: str(event["tallyman"]["id"])), counts


def test_a_page_served_elsewhere_shows_the_same(machines: Machines) -> None:
    asking = {"q": "kind:event", "size": 20, "histogram": 30, "top": "user.name,verb", "people": True}
    with served(machines.elsewhere) as web:
        told = asked(web, **asking)
        status = web.get("/api/v1/status").json()
        assert web.get("/readyz").status_code == 200
    with served(machines.embedded) as web:
        assert told == asked(web, **asking)
    assert len(told[0]) > 20 and told[1]["total"] == len(told[0])
    assert status["store"]["type"] == "elasticsearch"


def test_what_is_read_on_one_machine_is_told_on_another_as_it_comes(machines: Machines) -> None:
    def more() -> bool:
        """The tail is there from some moment on, and is told of all that comes then."""
        nonlocal number
        number += 1
        with machines.log.open("ab") as log:
            log.write(record(number, user={"username": "carol@example.com"}) + b"\n")
        return b"carol@example.com" in out.read_bytes().rpartition(b"\n")[0]

    number = 1000
    out = machines.log.with_name("told")
    with (
        out.open("wb") as file,
        process(machines.elsewhere, "tail", "user:carol@example.com", "--json", stdout=file) as tail,
    ):
        until(more, 60, lambda: tail.poll() is None)
    whole = out.read_bytes().split(b"\n")[:-1]  # it may have been ended in the midst of a line
    ids = [json.loads(line)["tallyman"]["id"] for line in whole]
    assert ids and len(ids) == len(set(ids))


def test_a_live_stream_served_elsewhere_goes_on_where_it_was_broken_off(machines: Machines) -> None:
    def listen(web: httpx.Client, user: str, mark: str = "") -> tuple[str, list[str]]:
        """The ids of the first message and of what is told of the user, once something is."""
        headers = {"Last-Event-ID": mark} if mark else {}
        asking = {"q": f"user:{user}", "alerts": "false"}
        with web.stream("GET", "/api/v1/stream", params=asking, headers=headers) as told:
            assert told.status_code == 200
            first, found = "", []
            for line in told.iter_lines():
                if line.startswith("id: ") and not first:
                    first = line.removeprefix("id: ")
                    if not mark:
                        break
                elif line.startswith("data: ") and user in line:
                    found.append(json.loads(line.removeprefix("data: "))["tallyman"]["id"])
                    if len(found) == 2:
                        break
        return first, found

    with served(machines.elsewhere) as web:
        mark, _ = listen(web, "dora@example.com")
        with machines.log.open("ab") as log:
            for number in (5001, 5002):
                log.write(record(number, user={"username": "dora@example.com"}) + b"\n")
        machines.run.until_count(2, "user:dora@example.com")
        _, found = listen(web, "dora@example.com", mark)
    assert sorted(found) == sorted(
        str(event["tallyman"]["id"]) for event in map(document, machines.run.events("user:dora@example.com"))
    )


def test_what_is_usual_for_somebody_is_known_on_another_machine(
    elasticsearch: Any, tmp_path: Path, tallyman: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = fresh_names()
    cluster = {"hosts": [elasticsearch.url], "namespace": names.namespace}
    here = {"type": "elasticsearch", "path": str(tmp_path / "a" / "store"), "elasticsearch": cluster}
    there = {**here, "path": str(tmp_path / "b" / "nothing")}
    usual = {"username": "erin@example.com"}
    lines = [record(number, user=usual, verb="list") for number in range(20)]
    later = "2026-11-02T10:30:00.000000Z"  # it ends the five minutes that the others are in
    lines.append(record(20, requestReceivedTimestamp=later, stageTimestamp=later))
    config = configured(tmp_path / "a", store=here, detectors={"enabled": ["novelty"]})
    (tmp_path / "a" / "audit.log").write_bytes(b"".join(line + b"\n" for line in lines))
    client = connect(Connection((elasticsearch.url,)))
    try:
        with living(tmp_path / "a", config) as run:
            run.until_count(21)
        client.indices.refresh(index=names.state)
        machine = environment(tmp_path / "b", there)
        (told,) = answer(tallyman, monkeypatch, machine, "entity", "erin@example.com", "--json")
        assert json.loads(told)["usual"]["actors"]["values"]["action"] == ["list pods"]
    finally:
        clean(client, names)
        client.close()


@pytest.fixture
def place() -> Iterator[str]:
    """An address at which nobody listens, nor can before the test is over."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_cluster_that_is_away_is_a_503_of_the_api(tmp_path: Path, place: str) -> None:
    away = {"type": "elasticsearch", "path": str(tmp_path / "b"), "elasticsearch": {"hosts": [place]}}
    config = Config.model_validate({"store": away})
    state, store = open_state(config), make_store(config, Normalizer())
    try:
        with (
            serving(make_services(config, store, state, Pack), "127.0.0.1", 0) as address,
            httpx.Client(base_url=address, trust_env=False, timeout=60) as web,
        ):
            found = web.get("/api/v1/events", headers={"Authorization": "Bearer x"})
            assert found.status_code == 503 and "can't be reached" in found.json()["detail"]
            probe = web.get("/readyz")
            assert probe.status_code == 503 and "can't be reached" in probe.json()["checks"]["store"]
            assert place not in probe.text  # it tells anyone
            assert web.get("/healthz").status_code == 200
    finally:
        store.close()
        state.close()


def test_a_cluster_that_is_away_ends_a_command_with_what_to_do(
    tmp_path: Path, place: str, tallyman: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {"type": "elasticsearch", "path": str(tmp_path / "b"), "elasticsearch": {"hosts": [place]}}
    for name, value in environment(tmp_path / "away", away).items():
        monkeypatch.setenv(name, value)
    for words in (["search"], ["tail"], ["status"], ["timeline", "user:x"], ["who", "pods"], ["serve"]):
        code, out, err = tallyman(*words)
        assert (code, out) == (4, "")
        assert place in err and "can't be reached" in err and "store.elasticsearch.hosts" in err
