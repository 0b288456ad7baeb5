"""What an older version made goes on: fields are added, and where one is of another type a new index takes over."""

from __future__ import annotations

import pytest

from event_model.errors import StoreError
from store.elastic import migrate, names, readiness, setup, templates
from store.elastic.mapping import alike, covers, fields
from store.elastic.server import streams
from tests.services.cluster import RETENTION, Cluster, namespace
from tests.services.elasticsearch import Server
from tests.services.fixtures import Running

OLD = {"@timestamp": "2026-01-01T00:00:00Z", "user": {"name": "alice"}}


def older(cluster: Cluster, dataset: str, user: str) -> str:
    """A data stream with one document, made from a template of an older version in which user.name was of this type."""
    stream = cluster.names.stream(dataset)
    cluster.client.indices.put_index_template(
        name=f"{names.STREAMS_TEMPLATE}-{cluster.names.namespace}", index_patterns=list(cluster.names.streams),
        data_stream={}, priority=templates.PRIORITY, version=0,
        template={"mappings": {"dynamic": False, "properties": {"user": {"properties": {"name": {"type": user}}}}}},
    )  # fmt: skip
    cluster.client.create(index=stream, id="old", document=OLD, refresh=True)
    return stream


def migrated(cluster: Cluster) -> list[str]:
    found = migrate.drifts(cluster.client, cluster.names)
    setup.setup(cluster.client, cluster.connection, cluster.names, RETENTION)
    migrate.migrate(cluster.client, cluster.names, found)
    assert migrate.drifts(cluster.client, cluster.names) == []
    return [drift.summary for drift in found]


def test_a_cluster_of_this_version_needs_nothing(cluster: Cluster) -> None:
    cluster.client.create(index=cluster.names.stream("docker.events"), id="new", document=OLD)
    assert migrated(cluster) == []


def test_missing_fields_are_added_to_the_index_that_is_there(cluster: Cluster) -> None:
    stream = older(cluster, "docker.events", "keyword")
    (done,) = migrated(cluster)
    assert done.startswith(f"add to .ds-{stream}-")
    cluster.client.create(index=stream, id="new", document={**OLD, "tallyman": {"time": 7}}, refresh=True)
    assert cluster.client.count(index=stream, query={"term": {"tallyman.time": 7}})["count"] == 1
    assert len(streams(cluster.client, cluster.names)[stream]) == 1


def test_a_type_that_changed_makes_the_stream_go_on_in_a_new_index_beside_the_old(cluster: Cluster) -> None:
    stream = older(cluster, "docker.events", "text")
    (done,) = migrated(cluster)
    assert done.startswith(f"roll over {stream}: of another type in .ds-{stream}-") and done.endswith(
        "user.name"
    )
    cluster.client.create(index=stream, id="new", document={**OLD, "user": {"name": "Alice B"}}, refresh=True)
    assert cluster.client.count(index=stream)["count"] == 2
    assert cluster.client.count(index=stream, query={"term": {"user.name": "Alice B"}})["count"] == 1
    assert len(streams(cluster.client, cluster.names)[stream]) == 2


def test_a_run_that_may_brings_the_cluster_to_its_version(cluster: Cluster) -> None:
    stream = older(cluster, "docker.events", "text")
    readiness.ensure(cluster.client, cluster.connection, cluster.names, RETENTION)
    assert migrate.drifts(cluster.client, cluster.names) == []
    assert len(streams(cluster.client, cluster.names)[stream]) == 2
    readiness.ensure(cluster.client, cluster.connection, cluster.names, RETENTION)
    assert len(streams(cluster.client, cluster.names)[stream]) == 2  # once is enough


def test_a_cluster_that_an_older_version_set_up_is_known_by_its_mark(cluster: Cluster) -> None:
    cluster.client.indices.put_mapping(index=cluster.names.state, meta={"version": templates.VERSION - 1})
    assert readiness.marked(cluster.client, cluster.names) == templates.VERSION - 1
    readiness.ensure(cluster.client, cluster.connection, cluster.names, RETENTION)
    assert readiness.marked(cluster.client, cluster.names) == templates.VERSION


def test_state_that_can_not_be_changed_in_place_is_not_thrown_away(elasticsearch: Running | Server) -> None:
    with namespace(elasticsearch.url, ready=False) as cluster:
        cluster.client.indices.create(
            index=cluster.names.state, mappings={"properties": {"kind": {"type": "text"}}}
        )
        found = migrate.drifts(cluster.client, cluster.names)
        with pytest.raises(StoreError, match=r"kind: of another type.*_reindex"):
            migrate.migrate(cluster.client, cluster.names, found)


def test_only_what_decides_answers_makes_two_fields_different() -> None:
    keyword = {"type": "keyword", "ignore_above": 1024}
    assert alike({"type": "keyword"}, keyword) and alike({"type": "wildcard"}, keyword)
    assert not alike({"type": "keyword", "doc_values": False}, keyword)
    assert not alike({"type": "text"}, keyword)
    assert not alike({"type": "text"}, {"type": "text", "analyzer": "whitespace"})
    assert covers(
        {"type": "ip", "fields": {"keyword": keyword, "more": {}}},
        {"type": "ip", "fields": {"keyword": keyword}},
    )
    assert not covers({"type": "ip"}, {"type": "ip", "fields": {"keyword": keyword}}) and not covers(
        None, keyword
    )
    assert fields({"properties": {"a": {"properties": {"b": keyword}}, "c": {"type": "ip"}}}) == {
        "a.b": keyword, "c": {"type": "ip"},
    }  # fmt: skip
