"""Write events into a cluster: a whole run beside the bare bulk helper with the same documents, and what they take there."""

from __future__ import annotations

import itertools
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from bench.generate import write
from bench.measure import Row, each, seconds
from event_model.event import Origin, Record
from store.block import Entry
from store.elastic import mapping, setup
from store.elastic.client import Connection, connect
from store.elastic.document import Documents
from store.elastic.names import Names
from tallyman.config import Config
from tallyman.heap import settle
from tallyman.normalizer import Normalizer
from tallyman.running import running
from tests.services.elasticsearch import started

EVENTS = int(os.environ.get("TALLYMAN_BENCH_EVENTS", 30_000))
CHUNK = 1_000
ROUNDS = 3
AUDIT = "kubernetes.audit_logs"
FASTEST, LARGEST = 0.8, 2.5
_number = itertools.count()


def feed(log: Path) -> Iterator[Row]:
    """Events a second from a file to the cluster, rules and journal included; bytes of an event there, merged."""
    with tempfile.TemporaryDirectory() as folder, served() as url:
        log = Path(folder) / "audit.log"
        write(log, EVENTS)
        connection = Connection((url,), timeout=120.0)
        client = connect(connection)
        documents = [orjson.loads(source) for source in sources(log)]
        bare, whole = list[float](), list[float]()
        for _ in range(ROUNDS):
            with namespace(client, connection) as names:
                bare.append(seconds(lambda names=names: helper(client, names, documents)))  # type: ignore[misc]
            with namespace(client, connection) as names, tempfile.TemporaryDirectory() as store:
                whole.append(run(configuration(store, log, url, names)))
                ours = size(client, names.stream(AUDIT))
        floor, took = statistics.median(bare), statistics.median(whole)
        yield Row(
            "feed: file to cluster", f"{EVENTS:,} events", each(floor, EVENTS), each(took, EVENTS),
            floor / took, FASTEST, "higher",
        )  # fmt: skip
        plain = dynamic(client, log)
        yield Row(
            "bytes of an event in the cluster", f"{EVENTS:,} events", f"{plain / EVENTS:.0f} B", f"{ours / EVENTS:.0f} B",
            ours / plain, LARGEST, "lower",
        )  # fmt: skip


@contextmanager
def served() -> Iterator[str]:
    """The server that TALLYMAN_TEST_ELASTICSEARCH names, or our own."""
    if named := os.environ.get("TALLYMAN_TEST_ELASTICSEARCH"):
        yield named
        return
    with started(heap="1g") as server:
        yield server.url


@contextmanager
def namespace(client: Any, connection: Connection) -> Iterator[Names]:
    """Set up, and deleted in the end."""
    names = Names(f"bench{os.getpid()}_{next(_number)}")
    setup.setup(client, connection, names, None)
    try:
        yield names
    finally:
        client.indices.delete_data_stream(name=f"logs-*-{names.namespace}")
        for index in client.indices.resolve_index(
            name=f"tallyman-*-{names.namespace}*", expand_wildcards="all"
        )["indices"]:
            client.indices.delete(index=index["name"])
        client.indices.delete_index_template(name=f"tallyman-*-{names.namespace}")


def sources(log: Path) -> Iterator[bytes]:
    """The documents that a run makes of a log."""
    documents, normalize = (
        Documents(mapping.properties(mapping.events())["properties"], Names()),
        Normalizer(),
    )
    origin = Origin("audit", "kubernetes_audit", str(log), "bench")
    for number, line in enumerate(log.read_bytes().splitlines()):
        entry = Entry("", number, Record(line, number), origin, 1_795_435_200.0, "")
        yield documents.make(entry, normalize(entry), "2026-11-23T12:00:00.000Z").source


def helper(client: Any, names: Names, documents: list[dict[str, Any]]) -> None:
    """The client's own bulk helper, as its manual shows it."""
    from elasticsearch import helpers

    stream = names.stream(AUDIT)
    actions = (
        {"_op_type": "create", "_index": stream, "_id": document["tallyman"]["id"], "_source": document}
        for document in documents
    )
    helpers.bulk(client, actions, chunk_size=CHUNK)


def configuration(folder: str, log: Path, url: str, names: Names) -> Config:
    return Config.model_validate(
        {
            "cluster": "bench", "api": {"enabled": False},
            "sources": {"audit": {"type": "file", "paths": [str(log)], "format": "kubernetes_audit"}},
            "store": {
                "type": "elasticsearch", "path": str(Path(folder) / "store"),
                "elasticsearch": {"hosts": [url], "namespace": names.namespace},
            },
        }
    )  # fmt: skip


def run(config: Config) -> float:
    """Seconds from the first read to the last event taken, once everything is loaded."""
    with running(config) as whole:
        settle()
        stop = threading.Event()
        thread = threading.Thread(target=whole.pipeline.run, args=(stop,))
        begun = time.perf_counter()
        thread.start()
        while thread.is_alive():
            counted = whole.pipeline.counters.snapshot()
            if counted.get("feed_taken", 0) + counted.get("feed_known", 0) >= EVENTS:
                break
            time.sleep(0.02)
        took = time.perf_counter() - begun
        stop.set()
        thread.join()
    return took


def size(client: Any, index: str) -> int:
    """Bytes of an index, all of it in one segment."""
    client.indices.flush(index=index)
    client.indices.forcemerge(index=index, max_num_segments=1)
    client.indices.refresh(index=index)
    return int(
        client.indices.stats(index=index, metric="store")["_all"]["primaries"]["store"]["size_in_bytes"]
    )


def dynamic(client: Any, log: Path) -> int:
    """Bytes of the same records in an index that guesses all types."""
    index = f"bench-dynamic-{os.getpid()}"
    client.indices.create(index=index, settings={"number_of_replicas": 0, "mapping.total_fields.limit": 5000})
    try:
        lines = log.read_bytes().splitlines()
        for start in range(0, len(lines), CHUNK):
            body = b"".join(b'{"index":{}}\n%b\n' % line for line in lines[start : start + CHUNK])
            answer = client.bulk(index=index, operations=body, filter_path="errors")
            assert not answer["errors"]
        return size(client, index)
    finally:
        client.indices.delete(index=index)
