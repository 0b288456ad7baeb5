"""A check names what is wrong with a cluster, and the command that puts it right."""

from __future__ import annotations

from store.elastic import check
from store.elastic.check import Finding, nodes
from tests.services.cluster import RETENTION, Cluster, namespace
from tests.services.elasticsearch import Server
from tests.services.fixtures import Running

EVENT = {"@timestamp": "2026-01-01T00:00:00Z"}
GIGA = 10**9


def checked(cluster: Cluster) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for each in check.check(cluster.client, cluster.connection, cluster.names, RETENTION, "run"):
        found.setdefault(each.what, []).append(each)
    return found


def test_a_cluster_that_is_set_up_has_nothing_to_put_right(cluster: Cluster) -> None:
    found = checked(cluster)
    assert {each.level for each in (*found["cluster"], *found["setup"], *found["mapping"])} == {"ok"}
    assert "security is switched off" in found["privileges"][0].text


def test_what_is_missing_is_named_with_the_command_that_makes_it(elasticsearch: Running | Server) -> None:
    with namespace(elasticsearch.url, ready=False) as cluster:
        told = [each.text for each in checked(cluster)["setup"] if each.level == "fail"]
    name = f"index template tallyman-logs-{cluster.names.namespace}"
    assert f"to do: make {name}; tallyman store setup" in told


def test_an_index_that_takes_nothing_is_named(cluster: Cluster) -> None:
    stream = cluster.names.stream("docker.events")
    cluster.client.create(index=stream, id="a", document=EVENT)
    cluster.client.indices.put_settings(index=stream, settings={"index.blocks.read_only_allow_delete": True})
    (told,) = checked(cluster)["blocks"]
    assert told.level == "fail" and f".ds-{stream}-" in told.text and "the disk was full" in told.text


def test_a_template_of_someone_else_that_wins_is_named(cluster: Cluster) -> None:
    stream, name = cluster.names.stream("docker.events"), f"other-{cluster.names.namespace}"
    cluster.client.indices.put_index_template(
        name=name, index_patterns=[stream], data_stream={}, priority=200
    )
    try:
        (told,) = checked(cluster)["templates"]
        assert told.level == "note" and told.text.startswith(f"{stream} is made by {name} (priority 200)")
    finally:
        cluster.client.indices.delete_index_template(name=name)


def test_a_cluster_that_does_not_answer_is_one_finding() -> None:
    from store.elastic.client import Connection, connect
    from store.elastic.names import Names

    nowhere = Connection(hosts=("http://127.0.0.1:9",))
    (told,) = check.check(connect(nowhere, retries=0), nowhere, Names("x"), None, "run")
    assert told.level == "fail" and "can't be reached" in told.text


def test_a_node_with_little_room_or_a_wrong_clock_is_named() -> None:
    def node(free: int, clock: float) -> dict[str, object]:
        room = {"total_in_bytes": 100 * GIGA, "available_in_bytes": free * GIGA}
        return {"name": "n1", "timestamp": int(clock * 1000), "fs": {"total": room}}

    assert [*nodes({"nodes": {"a": node(50, 1000)}}, 1030)] == [
        Finding("ok", "disk", "n1: 50 % used, 50.0 GB free")
    ]
    full, clock = nodes({"nodes": {"a": node(10, 1000)}}, 1090)
    assert full.level == "note" and "n1: 90 % used" in full.text and "store.retention" in full.text
    assert clock == Finding("fail", "clock", "n1: its clock is 90 seconds behind; run NTP")
