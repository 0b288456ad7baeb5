"""`tallyman store setup`, `check` and `migrate`: what they print, what they change, and how they end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.elastic import readiness
from tests.services.cluster import Cluster, namespace
from tests.services.elasticsearch import Server
from tests.services.fixtures import Running
from tests.tallyman.world import Ran, objects


@pytest.fixture
def fresh(elasticsearch: Running | Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The cluster is configured, and nothing is set up in its namespace."""
    with namespace(elasticsearch.url, ready=False) as cluster:
        monkeypatch.setenv("TALLYMAN_STORE__TYPE", "elasticsearch")
        monkeypatch.setenv("TALLYMAN_STORE__ELASTICSEARCH__HOSTS", elasticsearch.url)
        monkeypatch.setenv("TALLYMAN_STORE__ELASTICSEARCH__NAMESPACE", cluster.names.namespace)
        yield cluster


def test_a_dry_run_shows_what_would_be_made_and_makes_nothing(fresh: Cluster, tallyman: Ran) -> None:
    name = f"tallyman-logs-{fresh.names.namespace}"
    code, out, err = tallyman("store", "setup", "--dry-run")
    assert code == 0 and f"would make index template {name}" in err.splitlines()
    assert f"--- /dev/null\n+++ /_index_template/{name}\n" in out and '+      "data_retention": "90d",' in out
    assert not fresh.client.indices.exists_index_template(name=name)
    assert readiness.marked(fresh.client, fresh.names) is None


def test_setup_makes_all_once_and_a_check_finds_it(fresh: Cluster, tallyman: Ran) -> None:
    code, found, _ = tallyman("store", "check", "--json")
    failed = [each["text"] for each in objects(found) if each["level"] == "fail"]
    assert code == 1 and any("tallyman store setup" in text for text in failed)
    would = objects(tallyman("store", "setup", "--dry-run", "--json")[1])
    assert {"change": f"make index {fresh.names.state}", "done": False}.items() <= would[-1].items()
    code, out, err = tallyman("store", "setup")
    assert (code, out) == (0, "") and f"make index {fresh.names.state}" in err.splitlines()
    assert tallyman("store", "setup")[2] == "nothing to do: the cluster has all that this version needs\n"
    assert tallyman("store", "migrate", "--dry-run")[1] == ""
    code, found, _ = tallyman("store", "check", "--json")
    levels = {each["check"]: each["level"] for each in objects(found)}
    assert levels["setup"] == levels["mapping"] == "ok"


def test_migrate_rolls_over_what_can_not_be_changed_in_place(fresh: Cluster, tallyman: Ran) -> None:
    stream = fresh.names.stream("docker.events")
    fresh.client.indices.put_index_template(
        name=f"tallyman-logs-{fresh.names.namespace}", index_patterns=list(fresh.names.streams), data_stream={},
        priority=150, template={"mappings": {"dynamic": False, "properties": {"message": {"type": "keyword"}}}},
    )  # fmt: skip
    fresh.client.create(index=stream, id="a", document={"@timestamp": "2026-01-01T00:00:00Z"})
    _, out, told = tallyman("store", "migrate", "--dry-run")
    assert f"would roll over {stream}: of another type" in told
    index = fresh.client.indices.get_data_stream(name=stream)["data_streams"][0]["indices"][0]["index_name"]
    _, _, diff = out.partition(f"--- /{index}/_mapping\n+++ /{index}/_mapping\n")
    assert '      "norms": "false",\n+      "type": "text"\n' in diff
    shown = objects(tallyman("store", "migrate", "--dry-run", "--json")[1])
    (rolled,) = [each for each in shown if each["change"].startswith("roll over")]
    assert rolled["diff"] == f"--- /{index}/_mapping\n+++ /{index}/_mapping\n{diff}" and not rolled["done"]
    assert len(fresh.client.indices.get_data_stream(name=stream)["data_streams"][0]["indices"]) == 1
    assert tallyman("store", "migrate")[0] == 0
    assert len(fresh.client.indices.get_data_stream(name=stream)["data_streams"][0]["indices"]) == 2
    assert tallyman("store", "migrate")[2] == "nothing to do: the cluster has all that this version needs\n"


def test_doctor_looks_at_the_cluster_as_well(fresh: Cluster, tallyman: Ran) -> None:
    code, found, _ = tallyman("doctor", "--json")
    assert code == 3
    assert {"check": "setup", "ok": False} in [
        {"check": each["check"], "ok": each["ok"]} for each in objects(found)
    ]


def test_a_configuration_whose_cluster_can_not_be_reached_so_is_refused(
    tallyman: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYMAN_STORE__TYPE", "elasticsearch")
    code, _, err = tallyman("config", "check")
    assert code == 3 and "needs either hosts" in err
    monkeypatch.setenv("TALLYMAN_STORE__ELASTICSEARCH__HOSTS", "https://es:9200")
    assert tallyman("config", "check")[0] == 0
    monkeypatch.setenv("TALLYMAN_STORE__ELASTICSEARCH__NAMESPACE", "No-Such")
    code, _, err = tallyman("config", "check")
    assert code == 3 and "namespace: 'No-Such'" in err


def test_without_a_cluster_there_is_nothing_to_set_up(tallyman: Ran) -> None:
    code, _, err = tallyman("store", "setup")
    assert code == 3 and "store.type is embedded" in err


def test_a_cluster_that_does_not_answer_ends_the_setup_with_what_to_look_at(
    tallyman: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYMAN_STORE__TYPE", "elasticsearch")
    monkeypatch.setenv("TALLYMAN_STORE__ELASTICSEARCH__HOSTS", "http://127.0.0.1:9")
    code, _, err = tallyman("store", "setup")
    assert code == 4 and "http://127.0.0.1:9, setting up: can't be reached" in err
