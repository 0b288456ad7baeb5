"""kill -9 of `tallyman run` at random points, while its log grows and rotates, loses and repeats nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from store.database import Database
from store.embedded import Embedded
from store.journal import Journal
from store.query import parse
from tallyman.normalizer import Normalizer
from tests.end_to_end.waiting import until

KILLS = 20
ROTATE = 900  # lines in one file
RULE = """\
title: Something was bound
id: 0a4d4a52-8c2e-4f0e-9d1d-6f6f3d8f0b11
logsource: {product: kubernetes, service: audit}
detection:
  selection: {verb: create, objectRef.resource: rolebindings}
  condition: selection
level: high
group_by: [user.name]
"""


def line(number: int) -> bytes:
    """A record of its own for each number; every fiftieth is one that the rule is about, each of another user."""
    bound = number % 50 == 0
    resource = "rolebindings" if bound else "pods"
    stamp = f"2026-11-02T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000000Z"
    record = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": f"id-{number}",
        "stage": "ResponseComplete", "requestURI": "/x", "verb": "create" if bound else "get",
        "user": {"username": f"user-{number}", "groups": ["system:authenticated"]}, "sourceIPs": ["10.0.0.1"],
        "userAgent": "kubectl/v1", "objectRef": {"resource": resource, "namespace": "shop", "name": f"n{number}"},
        "responseStatus": {"code": 201}, "requestReceivedTimestamp": stamp, "stageTimestamp": stamp,
    }  # fmt: skip
    return json.dumps(record).encode() + b"\n"


class Writer(threading.Thread):
    """Appends numbered lines to a log and rotates it by renaming, until told to stop."""

    def __init__(self, log: Path, line: Callable[[int], bytes] = line) -> None:
        super().__init__(name="writer")
        self.log, self.line, self.written, self.stop = log, line, 0, threading.Event()

    def run(self) -> None:
        file = open(self.log, "ab", buffering=0)  # noqa: SIM115 # it is renamed while open
        while not self.stop.wait(0.005):
            for _ in range(4):
                file.write(self.line(self.written))
                self.written += 1
                if self.written % ROTATE == 0:
                    file.close()
                    self.log.rename(self.log.with_name(f"audit-{self.written // ROTATE:04}.log"))
                    file = open(self.log, "ab", buffering=0)  # noqa: SIM115
        file.close()


def configure(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "something_bound.yml").write_text(RULE)
    config = {
        "cluster": "test",
        "sources": {
            "audit": {
                "type": "file",
                "paths": [str(tmp_path / "logs" / "*.log")],
                "format": "kubernetes_audit",
            }
        },
        "sinks": {"out": {"type": "file", "path": str(tmp_path / "alerts.ndjson")}},
        "rules": {"packs": [str(tmp_path / "rules")]},
        "store": {"path": str(tmp_path / "store")},
        "detectors": {"enabled": []},
        "api": {"enabled": False},
    }
    (tmp_path / "logs").mkdir()
    path = tmp_path / "tallyman.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@contextmanager
def started(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TALLYMAN_")}
    command = [sys.executable, "-m", "tallyman", "--config", str(config), "run"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr
        process.stderr.close()


def journalled(store: Path) -> int:
    """Bytes in the journals so far: how far the run has come."""
    return sum(path.stat().st_size for path in store.glob("*/journal"))


def test_a_run_killed_at_random_points_loses_and_repeats_nothing(tmp_path: Path) -> None:
    config, store, chance = configure(tmp_path), tmp_path / "store", random.Random(7)
    writer = Writer(tmp_path / "logs" / "audit.log")
    writer.start()
    try:
        for _ in range(KILLS):
            goal = journalled(store) + chance.randrange(1, 60_000)
            with started(config) as process:
                until(
                    lambda goal=goal: journalled(store) >= goal,
                    60,
                    lambda process=process: process.poll() is None,
                )
                process.send_signal(signal.SIGKILL)
                process.wait()
    finally:
        writer.stop.set()
        writer.join()
    with started(config) as process:
        until(lambda: kept(store) >= writer.written, 180, lambda: process.poll() is None)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert_each_once(tmp_path, writer.written)


def kept(store: Path) -> int:
    journal = Journal(store)
    return sum(len(entries) for name in journal.partitions() for entries in journal.entries(name))


def assert_each_once(tmp_path: Path, written: int) -> None:
    """Each line is in the journal once, in the index once, and each match is one alert, told once."""
    journal = Journal(tmp_path / "store")
    entries = [each for name in journal.partitions() for block in journal.entries(name) for each in block]
    assert not [each.reason for each in entries if each.reason]
    ids = Counter(json.loads(each.record.raw)["auditID"] for each in entries)
    assert ids == Counter(f"id-{number}" for number in range(written))

    events = Embedded(tmp_path / "store", Normalizer())
    assert events.count(parse(""), since=None, until=None) == written
    events.close()

    matching = [f"user-{number}" for number in range(0, written, 50)]
    told = [json.loads(text) for text in (tmp_path / "alerts.ndjson").read_text().splitlines()]
    assert Counter(alert["user"]["name"] for alert in told) == Counter(matching)
    database = Database(tmp_path / "store")
    page = database.alerts.listed(limit=written)
    assert Counter((alert["user"], alert["count"]) for alert in page.alerts) == Counter(
        (user, 1) for user in matching
    )
    database.close()
