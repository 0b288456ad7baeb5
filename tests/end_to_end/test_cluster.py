"""`tallyman run` with a store in a cluster, as a process: killed, and its server killed, it loses and repeats nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from store.database import Database
from tests.end_to_end.living import RULE, record
from tests.end_to_end.waiting import until
from tests.services.cluster import Cluster, namespace
from tests.services.elasticsearch import Missing, started
from tests.services.fixtures import without
from tests.store.elastic.fed import once, seen

KILLS = 5
LINES = 1500


def configure(root: Path, cluster: Cluster) -> Path:
    (root / "rules").mkdir()
    (root / "rules" / "something_deleted.yml").write_text(RULE)
    config = {
        "cluster": "test", "api": {"enabled": False}, "rules": {"packs": [str(root / "rules")]},
        "sources": {"audit": {"type": "file", "paths": [str(root / "audit.log")], "format": "kubernetes_audit", "poll": 0.1}},
        "sinks": {"told": {"type": "file", "path": str(root / "alerts.ndjson")}},
        "store": {
            "type": "elasticsearch", "path": str(root / "store"),
            "elasticsearch": {"hosts": [cluster.url], "namespace": cluster.names.namespace, "timeout": "5s"},
        },
    }  # fmt: skip
    (root / "tallyman.yaml").write_text(yaml.safe_dump(config))
    return root / "tallyman.yaml"


def write(root: Path, begin: int, end: int, **parts: Any) -> None:
    with open(root / "audit.log", "ab") as log:
        log.write(b"".join(record(number, **parts) + b"\n" for number in range(begin, end)))


@contextmanager
def run(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "tallyman", "-q", "--config", str(config), "run"])
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)


def status(config: Path) -> dict[str, Any]:
    said = subprocess.run(
        [sys.executable, "-m", "tallyman", "--config", str(config), "status", "--json"],
        capture_output=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def taken(root: Path) -> Counter[str]:
    """What the running process says of its feed."""
    if not (root / "store" / "state.db").exists():
        return Counter()
    database = Database(root / "store")
    try:
        return Counter({name: int(value) for name, value in database.counters.load().items()})
    finally:
        database.close()


def test_a_run_that_is_killed_while_it_feeds_writes_every_event_once(
    tmp_path: Path, cluster: Cluster
) -> None:
    config = configure(tmp_path, cluster)
    for number in range(KILLS):
        write(tmp_path, LINES * number, LINES * (number + 1))
        with run(config) as process:
            least = (number * LINES) + 1
            until(lambda least=least: seen(cluster) >= least, 120)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
        if number % 2:  # what is not known to be written stands in another index from now on
            cluster.client.indices.rollover(alias=cluster.names.stream("kubernetes.audit_logs"))
    write(tmp_path, KILLS * LINES, KILLS * LINES + 10)  # so that the last one has something to do as well
    with run(config) as process:
        until(lambda: seen(cluster) >= KILLS * LINES + 10, 120)
        process.terminate()
        assert process.wait(60) == 0
    assert once(cluster) == KILLS * LINES + 10


def test_alerts_do_not_wait_for_a_server_that_is_killed_and_nothing_is_lost(tmp_path: Path) -> None:
    try:
        with started(heap="256m") as server, namespace(server.url) as cluster:
            config = configure(tmp_path, cluster)
            write(tmp_path, 0, 2000)
            with run(config) as process:
                until(lambda: seen(cluster) > 0, 120)
                server.kill()  # in the midst of it
                write(tmp_path, 2000, 2100)
                write(tmp_path, 2100, 2101, verb="delete")
                alerts = tmp_path / "alerts.ndjson"
                until(lambda: alerts.exists() and alerts.read_bytes(), 120)
                until(lambda: taken(tmp_path)["feed_away_seconds"] >= 1, 120)
                told = status(config)
                assert told["events"] is None and "can't be reached" in told["unreachable"]
                assert told["feed"]["behind"]["records"] > 0 and "can't be reached" in told["feed"]["reason"]
                server.start()
                until(lambda: seen(cluster) >= 2101, 180)
                until(lambda: cluster.client.count(index=cluster.names.alerts)["count"] == 1, 120)
                process.terminate()
                assert process.wait(60) == 0
            assert once(cluster) == 2101
            assert status(config)["feed"]["behind"]["records"] == 0
    except Missing as reason:
        without(reason)


@pytest.mark.parametrize("away", [False, True], ids=["in order", "while the cluster is away"])
def test_a_run_ends_in_order_and_the_next_goes_on(tmp_path: Path, cluster: Cluster, away: bool) -> None:
    config = configure(tmp_path, cluster)
    if away:
        config.write_text(config.read_text().replace(cluster.url, "http://127.0.0.1:9"))
    write(tmp_path, 0, 40)
    with run(config) as process:
        if not away:  # to make the first index may take longer than a run that ends has
            until(lambda: seen(cluster) == 40, 120)
        write(tmp_path, 40, 50)
        until(lambda: taken(tmp_path)['ingest_events{source="audit"}'] == 50, 120)
        if away:
            until(lambda: taken(tmp_path)["feed_away_seconds"] >= 1, 120)
        process.terminate()
        assert process.wait(60) == 0
    assert once(cluster) == (0 if away else 50)
    configure_again = config.read_text().replace("http://127.0.0.1:9\n", f"{cluster.url}\n")
    config.write_text(configure_again)
    write(tmp_path, 50, 60)
    with run(config):
        until(lambda: seen(cluster) == 60, 120)
    assert once(cluster) == 60
