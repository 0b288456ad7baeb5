"""What the store needs in a cluster is made once, seen to be there, and changed when a setting changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from event_model.errors import StoreError
from store.database import Database
from store.elastic import keeping, names, readiness, setup, templates
from store.elastic.change import Change, same
from store.elastic.client import connect
from store.elastic.server import ask, server, write_index
from store.elastic.state import ClusterState
from tallyman.publishing import Publisher
from tests.services.cluster import RETENTION, Cluster
from tests.services.elasticsearch import Server
from tests.services.fixtures import Running
from tests.store.matches import NOW, match

EVENT = {"@timestamp": "2026-01-01T00:00:00Z"}


def summaries(cluster: Cluster, retention: timedelta | None = RETENTION) -> list[str]:
    return [change.summary for change in setup.plan(cluster.client, cluster.names, retention)]


def test_setting_up_twice_changes_nothing(cluster: Cluster) -> None:
    assert summaries(cluster) == []
    assert setup.setup(cluster.client, cluster.connection, cluster.names, RETENTION) == []


def test_a_shorter_retention_reaches_new_data_streams_and_those_that_are_there(cluster: Cluster) -> None:
    stream = cluster.names.stream("docker.events")
    cluster.client.create(index=stream, id="a", document=EVENT)
    week = timedelta(days=7)
    changes = setup.setup(cluster.client, cluster.connection, cluster.names, week)
    assert [change.summary for change in changes] == [
        f"change index template tallyman-logs-{cluster.names.namespace}",
        f"change retention of data stream {stream}",
    ]
    found = ask(cluster.client, "GET", f"/_data_stream/{stream}")["data_streams"][0]
    assert found["lifecycle"]["data_retention"] == "7d"
    assert summaries(cluster, week) == []


def test_without_a_retention_nothing_is_ever_deleted(cluster: Cluster) -> None:
    setup.setup(cluster.client, cluster.connection, cluster.names, None)
    found = cluster.client.indices.simulate_index_template(name=cluster.names.stream("docker.events"))
    assert "data_retention" not in found["template"]["lifecycle"]
    assert summaries(cluster, None) == []


def test_a_diff_shows_just_what_would_be_different(cluster: Cluster) -> None:
    (change,) = setup.plan(cluster.client, cluster.names, timedelta(hours=36))
    lines = [line for line in change.diff().splitlines() if line[0] in "+-"]
    path = f"/_index_template/tallyman-logs-{cluster.names.namespace}"
    assert lines == [
        f"--- {path}",
        f"+++ {path}",
        '-      "data_retention": "90d",',
        '+      "data_retention": "129600s",',
    ]


def test_a_template_that_someone_changed_is_put_right(cluster: Cluster) -> None:
    name = f"{names.STATE_TEMPLATE}-{cluster.names.namespace}"
    cluster.client.indices.put_index_template(name=name, index_patterns=[cluster.names.state], priority=1)
    assert summaries(cluster) == [f"change index template {name}"]
    setup.setup(cluster.client, cluster.connection, cluster.names, RETENTION)
    assert summaries(cluster) == []


def test_a_machine_that_starts_with_another_retention_changes_none_that_is_there_and_says_so(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    stream, template = cluster.names.stream("docker.events"), f"tallyman-logs-{cluster.names.namespace}"
    cluster.client.create(index=stream, id="a", document=EVENT)
    setup.setup(cluster.client, cluster.connection, cluster.names, timedelta(days=365))
    week = timedelta(days=7)
    readiness.ensure(cluster.client, cluster.connection, cluster.names, week)
    assert summaries(cluster, timedelta(days=365)) == []
    (told,) = [vars(each) for each in caplog.records if "`tallyman store setup` changes that" in each.message]
    assert (told["cluster"], told["here"], told["of"]) == ("365d", "7d", f"{template}, {stream}")
    assert len(summaries(cluster, week)) == 2, "what `store setup` would do is to be seen"


def test_a_template_that_is_put_right_by_a_run_keeps_its_retention(cluster: Cluster) -> None:
    name = f"{names.STREAMS_TEMPLATE}-{cluster.names.namespace}"
    other = templates.templates(cluster.names, timedelta(days=365))[name] | {"priority": 149}
    ask(cluster.client, "PUT", f"/_index_template/{name}", other)
    readiness.ensure(cluster.client, cluster.connection, cluster.names, timedelta(days=7))
    assert summaries(cluster, timedelta(days=365)) == []


@pytest.mark.parametrize(("there", "told"), [(timedelta(days=30), "30d"), (None, "forever")])
def test_a_policy_keeps_its_age_and_is_brought_up_to_date_all_the_same(
    there: timedelta | None, told: str
) -> None:
    before = {"policy": templates.policy(there)}
    older = {"policy": {"phases": {**before["policy"]["phases"], "hot": {"min_age": "0ms", "actions": {}}}}}
    for found, left in ((before, []), (older, [before])):
        change = Change("lifecycle policy", "ours", "/p", {"policy": templates.policy(RETENTION)}, found)
        changes, kept = keeping.spare([change])
        assert [each.after for each in changes] == left
        assert kept == [("ours", told, "90d")]


def test_alerts_are_kept_as_long_as_events_where_one_machine_would_keep_them_for_less(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.client.create(index=cluster.names.stream("docker.events"), id="a", document=EVENT)
    with (
        closing(Database(tmp_path)) as local,
        closing(ClusterState(connect(cluster.connection), cluster.connection, cluster.names)) as state,
    ):
        local.book(sinks={}).record([match()], NOW, ("20261123-000", 1))
        publisher = Publisher(local, state, lambda: None, timedelta(seconds=1))
        publisher.attempt()
        cluster.refresh()
        publisher._tidy()
        assert len(state.alerts.listed().alerts) == 1
        assert state.age(timedelta(days=99)) == timedelta(days=99) and state.age(None) is None
        setup.setup(cluster.client, cluster.connection, cluster.names, timedelta(seconds=1))
        publisher._tidied = float("-inf")
        publisher._tidy()
        assert state.alerts.listed().alerts == []


def test_templates_of_a_newer_version_are_left_alone(cluster: Cluster) -> None:
    name = f"{names.STATE_TEMPLATE}-{cluster.names.namespace}"
    newer = templates.VERSION + 1
    cluster.client.indices.put_index_template(
        name=name, index_patterns=[cluster.names.state], priority=1, version=newer
    )
    with pytest.raises(StoreError, match=f"newer Tallyman \\(version {newer}"):
        readiness.ensure(cluster.client, cluster.connection, cluster.names, RETENTION)


def test_alerts_are_written_through_an_alias_and_never_make_an_index_of_its_name(cluster: Cluster) -> None:
    assert write_index(cluster.client, cluster.names.alerts) == cluster.names.first_alerts
    cluster.client.indices.delete(index=cluster.names.first_alerts)
    with pytest.raises(Exception, match="index_not_found"):
        cluster.client.index(index=cluster.names.alerts, document=EVENT)


def test_a_field_that_is_not_known_is_kept_and_adds_nothing_to_the_mapping(cluster: Cluster) -> None:
    stream = cluster.names.stream("docker.events")
    before = None
    for number in range(2):
        cluster.client.create(
            index=stream, id=f"{number}", document={**EVENT, f"new{number}": {"a": number}}, refresh=True
        )
        (index,) = cluster.client.indices.get_mapping(index=stream).body.values()
        assert before in (None, index)
        before = index
    found = cluster.client.search(index=stream, query={"ids": {"values": ["1"]}})
    assert found["hits"]["hits"][0]["_source"]["new1"] == {"a": 1}


def test_the_whole_record_is_kept_whatever_its_length(cluster: Cluster) -> None:
    stream, raw = cluster.names.stream("docker.events"), "x" * 3_000_000
    cluster.client.create(index=stream, id="a", document={**EVENT, "event": {"original": raw}}, refresh=True)
    found = cluster.client.search(index=stream, query={"ids": {"values": ["a"]}})
    assert found["hits"]["hits"][0]["_source"]["event"]["original"] == raw


@pytest.fixture
def hooked(cluster: Cluster, elasticsearch: Running | Server) -> Iterator[Cluster]:
    """A cluster whose `tallyman-custom` may be written: all namespaces share it, and on another's server it is theirs."""
    if isinstance(elasticsearch, Running):
        pytest.skip("would write tallyman-custom of a server that is not ours")
    yield cluster
    cluster.client.options(ignore_status=404).cluster.delete_component_template(name=names.CUSTOM)


def test_the_hook_of_the_user_counts_and_is_not_overwritten(hooked: Cluster) -> None:
    hook = {
        "settings": {"index": {"refresh_interval": "7s"}},
        "mappings": {"properties": {"team": {"type": "keyword"}}},
    }
    hooked.client.cluster.put_component_template(name=names.CUSTOM, template=hook)
    setup.setup(hooked.client, hooked.connection, hooked.names, RETENTION)
    found = hooked.client.indices.simulate_index_template(name=hooked.names.stream("docker.events"))
    assert found["template"]["settings"]["index"]["refresh_interval"] == "7s"
    assert found["template"]["mappings"]["properties"]["team"] == {"type": "keyword"}
    assert found["template"]["mappings"]["properties"]["user"]["properties"]["name"]["type"] == "keyword"


def test_a_server_without_lifecycle_for_data_streams_gets_a_policy(cluster: Cluster) -> None:
    """Simulated: the server of the tests knows the setting that names a policy, and has no policies."""
    name = f"{names.STREAMS_TEMPLATE}-{cluster.names.namespace}"
    with_policy = templates.templates(cluster.names, timedelta(days=30), policy=True)[name]
    ask(cluster.client, "PUT", f"/_index_template/{name}", with_policy)
    found = cluster.client.indices.simulate_index_template(name=cluster.names.stream("docker.events"))
    assert found["template"]["settings"]["index"]["lifecycle"]["name"] == names.policy(cluster.names)
    assert "lifecycle" not in found["template"]
    phases = templates.policy(timedelta(days=30))["phases"]
    assert phases["delete"] == {"min_age": "30d", "actions": {"delete": {}}}
    assert phases["hot"]["actions"]["rollover"] == {"max_primary_shard_size": "50gb", "max_age": "30d"}
    assert "delete" not in templates.policy(None)["phases"]


@pytest.mark.parametrize(
    ("version", "flavor", "lifecycle", "policy"),
    [
        ("8.13.4", "default", False, True),
        ("8.14.0", "default", True, False),
        ("9.4.3", "default", True, False),
        ("8.11.0", "serverless", True, False),
    ],
)
def test_retention_is_what_the_version_of_the_server_offers(
    version: str, flavor: str, lifecycle: bool, policy: bool
) -> None:
    class Client:
        def perform_request(self, method: str, path: str, **options: object) -> SimpleNamespace:
            answers = {"/": {"version": {"number": version, "build_flavor": flavor}}, "/_ilm/status": {}}
            return SimpleNamespace(body=answers[path])

    found = server(Client())
    assert (found.lifecycle, found.policy) == (lifecycle, policy)


def test_what_a_newer_server_adds_to_a_template_is_no_change() -> None:
    (wanted,) = (
        each for name, each in templates.templates(names.Names("x"), RETENTION).items() if "logs" in name
    )
    lifecycle = {**wanted["template"]["lifecycle"], "effective_retention": "90d"}
    shown = {
        **wanted, "created_date_millis": 7, "template": {**wanted["template"], "lifecycle": lifecycle},
        "data_stream": {**wanted["data_stream"], "failure_store": False},
    }  # fmt: skip
    assert same(setup.written(shown), wanted)
    assert not same(setup.written({**shown, "priority": 99}), wanted)
