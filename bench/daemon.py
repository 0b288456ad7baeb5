"""`tallyman run` as a process of its own: throughput, bytes kept, memory, and how soon an alert is out."""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import yaml

from bench.generate import lines
from bench.inspecting import parse
from bench.measure import Row, each, seconds
from store.block import Block
from store.blockfile import BlockFile

RATE = 1000  # events a second
SECONDS = 20  # of the latency measurement
EVERY = 100  # each so-many-th event is one that a rule is about
PAUSE = 0.02


@contextmanager
def daemon(folder: Path, logs: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run over `logs` with a store and an alert file in `folder`; ended with SIGTERM."""
    config = {
        "cluster": "bench", "api": {"enabled": False}, "store": {"path": str(folder / "store")},
        "sources": {"audit": {"type": "file", "paths": [logs], "format": "kubernetes_audit"}},
        "sinks": {"out": {"type": "file", "path": str(folder / "alerts.ndjson")}},
    }  # fmt: skip
    (folder / "tallyman.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "tallyman", "-q", "--config", str(folder / "tallyman.yaml"), "run"]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def run(log: Path) -> Iterator[Row]:
    """From file to journal, index and alerts, with start-up, beside parsing the same lines on one core."""
    content = log.read_bytes().splitlines()
    base = statistics.median(seconds(lambda: parse(content)) for _ in range(3))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        with daemon(folder, str(log)) as process:
            while kept(folder / "store") < len(content) and process.poll() is None:
                time.sleep(PAUSE)
            memory = resident(process.pid)
        took = time.perf_counter() - started
        size = sum(path.stat().st_size for path in (folder / "store").rglob("*") if path.is_file())
    count = len(content)
    yield Row(
        "run: with store, two cores",
        log.name,
        each(base, count),
        each(took, count),
        took / base,
        6.0,
        "lower",
    )
    raw = log.stat().st_size
    yield Row(
        "store on disk", log.name, f"{raw / 1e6:.0f} MB", f"{size / 1e6:.0f} MB", size / raw, 0.25, "lower"
    )
    yield Row("memory of run", log.name, "400 MB", f"{memory / 1e6:.0f} MB", memory / 400e6, 1.0, "lower")


def kept(store: Path) -> int:
    """How many records the journals hold: their blocks' headers tell, so that asking costs little."""
    count = 0
    for journal in store.glob("*/journal"):
        with BlockFile(journal) as file:
            count += sum(block.head.count for block in file.walk() if isinstance(block, Block))
    return count


def resident(process: int) -> int:
    """Bytes of memory that a process holds, 0 where the system does not tell."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        return 0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def alert(log: Path) -> Iterator[Row]:
    """From a line appended at 1,000 events a second to its alert at a sink: the 99th percentile."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grown, told = folder / "audit.log", folder / "alerts.ndjson"
        grown.touch()
        ended = threading.Event()
        seen: dict[str, float] = {}
        watcher = threading.Thread(target=watch, args=(told, seen, ended))
        with daemon(folder, str(grown)) as process:
            watcher.start()
            sent = write(grown, seen, process)
            deadline = time.monotonic() + 10
            while len(seen.keys() & sent.keys()) < len(sent) and time.monotonic() < deadline:
                time.sleep(PAUSE)
        ended.set()
        watcher.join()
    delays = sorted(seen.get(user, float("inf")) - moment for user, moment in sent.items())
    worst = delays[int(len(delays) * 0.99)]
    yield Row(
        "append to alert, p99",
        f"{RATE} events/s",
        "250 ms",
        f"{worst * 1000:.0f} ms",
        worst / 0.25,
        1.0,
        "lower",
    )


def watch(path: Path, seen: dict[str, float], ended: threading.Event) -> None:
    """Note when the alert about each user is first there to be read."""
    while not path.exists():
        if ended.wait(PAUSE / 10):
            return
    torn = b""
    with open(path, "rb") as file:
        while not ended.wait(PAUSE / 10):
            *whole, torn = (torn + file.read()).split(b"\n")
            for line in whole:
                seen.setdefault(json.loads(line)["user"]["name"], time.time())


def write(log: Path, seen: dict[str, float], process: subprocess.Popen[bytes]) -> dict[str, float]:
    """Append RATE lines a second; the moment at which each noteworthy one was appended, by its user."""
    sent: dict[str, float] = {}
    ready = threading.Event()
    with open(log, "ab", buffering=0) as file:
        file.write(noteworthy("warm-up"))
        while "warm-up" not in seen and process.poll() is None:
            ready.wait(PAUSE)
        begun = time.monotonic()
        for number, line in enumerate(lines(RATE * SECONDS, seed=2)):
            ready.wait(max(0.0, begun + number / RATE - time.monotonic()))
            if number % EVERY:
                file.write(line + b"\n")
                continue
            user = f"mallory-{number}@example.com"
            sent[user] = time.time()
            file.write(noteworthy(user))
    return sent


def noteworthy(user: str) -> bytes:
    """A record that a shipped rule is about: someone binds an account to cluster-admin."""
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    binding = {
        "kind": "ClusterRoleBinding",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "User", "name": "eve"}],
    }
    record = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": user, "stage": "ResponseComplete",
        "requestURI": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "verb": "create",
        "user": {"username": user, "groups": ["system:authenticated"]}, "sourceIPs": ["203.0.113.7"], "userAgent": "kubectl/v1.35.4",
        "objectRef": {"resource": "clusterrolebindings", "name": user, "apiGroup": "rbac.authorization.k8s.io", "apiVersion": "v1"},
        "responseStatus": {"code": 201}, "requestObject": binding, "requestReceivedTimestamp": stamp, "stageTimestamp": stamp,
    }  # fmt: skip
    return json.dumps(record).encode() + b"\n"
