"""What the commands say and do where the store is a cluster."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store.database import Database
from store.elastic.names import Names
from tallyman.config import load
from tallyman.running import running
from tallyman.stores import prune, taken
from tests.services.cluster import Cluster, clean
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
    assert (  # whether what answers there will be the same cluster is not known
        "feed      5 records behind" in out and "takes nothing since 20" in out and "can't be reached" in out
    )


def test_the_journal_keeps_what_the_cluster_has_not_taken(tmp_path: Path, cluster: Cluster) -> None:
    file, day = config(tmp_path, cluster.url, cluster.names.namespace), 86_400.0
    run(file, raw(1))
    file.write_text(file.read_text().replace(cluster.url, "http://127.0.0.1:9"))
    run(file, raw(2), position=2, received=NOON + day)
    run(file, raw(3), position=3, received=NOON + 2 * day)
    file.write_text(file.read_text().replace("http://127.0.0.1:9", cluster.url))
    with running(load(file, {}), {}) as whole:
        fed = taken(whole.config, whole.database)
        # all of it is older than `keep`, and only the first day was taken to its end
        assert prune(whole.config, whole.journal, whole.database, LATER) == []
        fed.move(("20261124-000", whole.journal.end[1]))
        assert prune(whole.config, whole.journal, whole.database, LATER) == ["20261123-000"]
        fed.move(whole.journal.end)
        whole.database.feeding.hold(("20261124-000", 7), "ab", "too large", 0.0)
        assert prune(whole.config, whole.journal, whole.database, LATER) == []
        assert whole.journal.partitions() == ["20261124-000", "20261125-000"]


def test_a_record_that_only_the_journal_has_whole_lets_nothing_go_before_it_was_taken(
    tmp_path: Path, cluster: Cluster
) -> None:
    file = config(tmp_path, "http://127.0.0.1:9", cluster.names.namespace)
    file.write_text(file.read_text().replace("store:\n", "store:\n  retention: 12h\n"))
    for number in range(3):
        run(file, raw(number), position=number, received=NOON + number * 86_400.0)
    with running(load(file, {}), {}) as whole:
        fed = taken(whole.config, whole.database)
        fed.answered("it")
        fed.move(("20261123-000", 0))
        whole.database.feeding.hold(("20261124-000", 7), "ab", "too large", 0.0)
        assert prune(whole.config, whole.journal, whole.database, LATER) == []
        fed.move(whole.journal.end)
        assert prune(whole.config, whole.journal, whole.database, LATER) == ["20261123-000", "20261124-000"]
        assert whole.database.feeding.held() == {}


@pytest.mark.parametrize("other", ["another namespace", "another cluster"])
def test_what_one_cluster_has_taken_counts_for_no_other(tmp_path: Path, cluster: Cluster, other: str) -> None:
    file = config(tmp_path, cluster.url, cluster.names.namespace)
    file.write_text(file.read_text().replace("keep: 1d", "keep: 2d"))
    now = time.time()  # nothing is old enough to go by itself, even if a day ends meanwhile
    run(file, raw(1), raw(2), received=now - 86_400)
    run(file, raw(3), position=2, received=now)
    later = datetime.fromtimestamp(now, UTC) + timedelta(days=3)
    if other == "another namespace":
        file.write_text(file.read_text().replace(cluster.names.namespace, f"{cluster.names.namespace}.other"))
    else:
        localhost = cluster.url.replace("127.0.0.1", "localhost")
        file.write_text(file.read_text().replace(cluster.url, localhost))
        with closing(Database(tmp_path / "store")) as database, database.file.transaction() as connection:
            # as if another had answered up to now
            connection.execute("UPDATE clusters SET address = ?, cluster = 'another'", (localhost,))
            connection.execute("UPDATE taken SET cluster = 'another'")
    with running(load(file, {}), {}) as whole:
        whole.pipeline.index.catch_up()  # the run begins, and nobody has answered yet
        assert prune(whole.config, whole.journal, whole.database, later) == []
    # it's looked for first, so that the same cluster under another name is given nothing twice
    try:
        run(file)
        names = Names(load(file, {}).store.elasticsearch.namespace)
        assert once(replace(cluster, names=names)) == 3
    finally:
        clean(cluster.client, Names(f"{cluster.names.namespace}.other"))
    with running(load(file, {}), {}) as whole:
        first = whole.journal.partitions()[0]
        assert prune(whole.config, whole.journal, whole.database, later) == [first]
