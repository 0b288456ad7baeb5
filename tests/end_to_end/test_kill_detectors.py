"""Kill -9 with behaviour detectors at work: none of their alerts is lost, none is told twice, and memory goes on."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from event_model.event import Event
from event_model.parts import Detector
from store.database import Database
from store.journal import Journal
from store.snapshots import Snapshots
from tallyman.config import DetectorsConfig
from tallyman.normalizer import Normalizer
from tallyman.wiring import make_detectors
from tests.end_to_end.test_kill import Writer, configure, journalled, kept, started
from tests.end_to_end.waiting import until

KILLS = 6
ACCOUNTS = 300
SETTLED = 1500  # records after which accounts do what they never did
OPTIONS = {"alerts_a_day": 10_000, "most_a_day": 1_000_000, "floor": 5}  # everything of note is told
START = datetime(2026, 11, 2, tzinfo=UTC)


def line(number: int) -> bytes:
    """Accounts read pods, a record a second; now and then one of them lists secrets for its first time."""
    odd = number > SETTLED and number % 41 == 0
    account = number // 41 % ACCOUNTS if odd else number % ACCOUNTS
    stamp = (START + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    thing = (
        {"resource": "secrets"} if odd else {"resource": "pods", "namespace": "shop", "name": f"n{number}"}
    )
    record = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": f"id-{number}",
        "stage": "ResponseComplete", "requestURI": "/x", "verb": "list" if odd else "get",
        "user": {"username": f"system:serviceaccount:shop:app-{account}", "groups": ["system:serviceaccounts"]},
        "sourceIPs": ["10.0.0.1"], "userAgent": "app/v1", "objectRef": thing, "responseStatus": {"code": 200},
        "requestReceivedTimestamp": stamp, "stageTimestamp": stamp,
    }  # fmt: skip
    return json.dumps(record).encode() + b"\n"


def watched(tmp_path: Path) -> Path:
    """The configuration with a detector in place of rules."""
    path = configure(tmp_path)
    config = yaml.safe_load(path.read_text())
    config["detectors"] = {
        "enabled": ["novelty"],
        "novelty": OPTIONS,
        "snapshot_every": "0.3s",
        "history": "1h",
    }
    config["rules"] = {"packs": []}
    path.write_text(yaml.safe_dump(config))
    return path


def novelty() -> Detector:
    return make_detectors(DetectorsConfig(enabled=["novelty"], novelty=OPTIONS))["actors"]  # type: ignore[call-arg]


def events(store: Path) -> list[Event]:
    """All that was read, in the order in which it is kept."""
    normalize, journal = Normalizer(), Journal(store)
    return [
        normalize(each) for name in journal.partitions() for block in journal.entries(name) for each in block
    ]


def test_a_run_killed_at_random_points_loses_and_repeats_no_alert_of_a_detector(
    tmp_path: Path,
) -> None:
    config, store, chance = watched(tmp_path), tmp_path / "store", random.Random(11)
    snapshots = Snapshots(store)
    writer = Writer(tmp_path / "logs" / "audit.log", line)
    writer.start()
    try:
        for number in range(KILLS):
            goal, before = journalled(store) + chance.randrange(1, 60_000), remembered_to(snapshots)
            with started(config) as process:
                alive = partial(running, process)
                until(lambda goal=goal: journalled(store) >= goal, 60, alive)
                if number % 2:  # every other kill comes after a new snapshot, the others wherever they come
                    until(lambda before=before: remembered_to(snapshots) != before, 60, alive)
                process.send_signal(signal.SIGKILL)
                process.wait()
    finally:
        writer.stop.set()
        writer.join()
    with started(config) as process:
        until(lambda: kept(store) >= writer.written, 180, lambda: process.poll() is None)
        until(lambda: looked_at(store) == last_record(store), 180, lambda: process.poll() is None)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert_as_never_killed(tmp_path)


def running(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None


def remembered_to(snapshots: Snapshots) -> tuple[str, int] | None:
    """The last record that is part of the memory written down."""
    last = snapshots.load("actors")
    return last.place if last else None


def looked_at(store: Path) -> tuple[str, int] | None:
    """How far the detectors have come."""
    database = Database(store)
    try:
        return database.book(sinks={}, name="detected").pointer()
    finally:
        database.close()


def last_record(store: Path) -> tuple[str, int]:
    journal = Journal(store)
    newest = journal.partitions()[-1]
    *_, entries = journal.entries(newest)
    return newest, entries[-1].pointer


def assert_as_never_killed(tmp_path: Path) -> None:
    """The same alerts, each once, and the same memory as of a detector that has looked at all of it in one go."""
    one = novelty()
    expected = Counter(match.events[-1].user_name for match in one.inspect(events(tmp_path / "store")))
    database = Database(tmp_path / "store")
    alerts = database.alerts.listed(limit=10_000).alerts
    database.close()
    found = Counter[str | None]()
    for alert in alerts:
        found[alert["user"]] += alert["count"]
    assert found == expected and len(expected) > 20
    told = [json.loads(text) for text in (tmp_path / "alerts.ndjson").read_text().splitlines()]
    assert Counter(each["kibana"]["alert"]["uuid"] for each in told) == Counter(each["id"] for each in alerts)

    last = Snapshots(tmp_path / "store").load("actors")
    assert last
    assert remembered(last.body) == remembered(one.snapshot())


def remembered(body: bytes) -> dict[str, Any]:
    """What a snapshot knows to be usual, by account."""
    detector, found = novelty(), {}
    detector.restore(body)
    for account in range(ACCOUNTS):
        name = f"system:serviceaccount:shop:app-{account}"
        usual = detector.usual(name)
        assert usual
        found[name] = (
            {facet: sorted(values) for facet, values in usual["values"].items()},
            usual["first_seen"],
        )
    return found
