"""What the commands say and do where the store is a cluster."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from tallyman.config import load
from tallyman.running import running
from tallyman.stores import prune
from tests.services.cluster import Cluster
from tests.store.elastic.fed import once
from tests.tallyman.world import NOON, Given, Ran, batch, raw

LATER = datetime(2026, 12, 1, tzinfo=UTC)
CLASH = {  # an index in logsdb mode, as those of Elasticsearch 9 are, would not refuse what is malformed
    "settings": {"index.auto_expand_replicas": "0-1", "index.mapping.ignore_malformed": False},
    "mappings": {"properties": {"user": {"properties": {"name": {"type": "long"}}}}},
}


def config(root: Path, url: str, namespace: str) -> Path:
    file = root / "tallyman.yaml"
    (root / "rules").mkdir()
    file.write_text(
        f"rules: {{packs: [{root / 'rules'}]}}\nstore:\n  type: elasticsearch\n  path: {root / 'store'}\n"
        f"  elasticsearch: {{hosts: ['{url}'], namespace: {namespace}, keep: 1d}}\n"
    )
    return file


def run(file: Path, *raws: bytes, position: int = 1, received: float = NOON) -> None:
    """One whole run over these records."""
    import threading

    from msgspec.structs import replace

    given = Given([replace(batch(list(raws), position), received=received)])
    with running(load(file, {}), {"audit": given}) as whole:
        whole.pipeline.run(threading.Event())


def test_what_the_cluster_refused_is_listed_with_its_reason_and_replayed_once_the_cause_is_gone(
    tmp_path: Path, cluster: Cluster, tallyman: Ran
) -> None:
    file, stream = (
        config(tmp_path, cluster.url, cluster.names.namespace),
        cluster.names.stream("kubernetes.audit_logs"),
    )
    name = f"clash-{cluster.names.namespace}"
    cluster.client.indices.put_index_template(
        name=name, index_patterns=[stream], data_stream={}, priority=1000, template=CLASH
    )
    try:
        run(file, raw(1), raw(2, user={"username": "17"}))
    finally:
        cluster.client.indices.delete_data_stream(name=stream)
        cluster.client.indices.delete_index_template(name=name)
    cluster.refresh()
    code, out, _ = tallyman("--config", str(file), "deadletter", "list", "--json")
    [letter] = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and "failed to parse field [user.name] of type [long]" in letter["reason"]
    assert tallyman("--config", str(file), "deadletter", "show", letter["id"])[1].strip() == raw(1).decode()

    assert tallyman("--config", str(file), "deadletter", "replay")[0] == 0
    cluster.refresh()
    code, out, _ = tallyman("--config", str(file), "search", "user:user-1", "--json")
    assert len(out.splitlines()) == 1
    [letter] = [
        json.loads(line)
        for line in tallyman("--config", str(file), "deadletter", "list", "--json")[1].splitlines()
    ]
    assert letter["replayed"]
    assert once(cluster) == 2  # the letter, and the event


def test_status_says_how_far_the_cluster_is_behind_and_why(
    tmp_path: Path, cluster: Cluster, tallyman: Ran
) -> None:
    file = config(tmp_path, cluster.url, cluster.names.namespace)
    run(file, raw(1), raw(2))
    cluster.refresh()
    code, out, _ = tallyman("--config", str(file), "status")
    assert code == 0 and "events    2\n" in out and "feed      the cluster has everything\n" in out
    assert "2 taken, 0 known already, 0 tried again, 0 refused" in out

    file.write_text(file.read_text().replace(cluster.url, "http://127.0.0.1:9"))
    run(file, raw(3), raw(4), raw(5), position=2)
    code, out, _ = tallyman("--config", str(file), "status")
    assert code == 0 and "cluster   Elasticsearch at http://127.0.0.1:9" in out
    assert (
        "feed      3 records behind" in out and "takes nothing since 20" in out and "can't be reached" in out
    )


def test_the_journal_keeps_what_the_cluster_has_not_taken(tmp_path: Path, cluster: Cluster) -> None:
    file, day = config(tmp_path, cluster.url, cluster.names.namespace), 86_400.0
    run(file, raw(1))
    file.write_text(file.read_text().replace(cluster.url, "http://127.0.0.1:9"))
    run(file, raw(2), position=2, received=NOON + day)
    run(file, raw(3), position=3, received=NOON + 2 * day)
    with running(load(file, {}), {}) as whole:
        # all of it is older than `keep`, and only the first day was taken to its end
        assert prune(whole.config, whole.journal, whole.database, LATER) == []
        whole.database.feeding.move(("20261124-000", whole.journal.end[1]))
        assert prune(whole.config, whole.journal, whole.database, LATER) == ["20261123-000"]
        whole.database.feeding.move(whole.journal.end)
        whole.database.feeding.hold(("20261124-000", 7), "ab", "too large", 0.0)
        assert prune(whole.config, whole.journal, whole.database, LATER) == []
        assert whole.journal.partitions() == ["20261124-000", "20261125-000"]
