"""A store moves to a cluster and back with everything that is in it, however often the copy is stopped."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from event_model.event import Record
from event_model.parts import Batch
from store.database import Database
from store.elastic.client import Connection
from store.elastic.names import Names
from store.embedded import Embedded
from store.feeding import BEGINNING, COPIED
from store.fingerprint import Day, Fingerprint, differences
from store.journal import Entry, Journal
from store.query import parse
from store.state import AlertRecord
from tallyman.config import Config
from tallyman.copying import compare, database, from_cluster, to_cluster
from tallyman.normalizer import Normalizer
from tallyman.running import running
from tallyman.stores import taken
from tests.end_to_end.waiting import until
from tests.services.cluster import Cluster, clean
from tests.services.proxy import Request, half_busy, proxy, refuse
from tests.store.elastic.fed import fed, once
from tests.tallyman.world import NOON, ORIGIN, Deletions, Given, Ran, batch, raw, world

DAY = 86_400.0
COPY = ("store", "copy", "--from", "embedded", "--to", "elasticsearch")
BACK = ("store", "copy", "--from", "elasticsearch", "--to", "embedded")


def config(root: Path, cluster: Cluster) -> Path:
    file = root / "tallyman.yaml"
    root.mkdir(exist_ok=True)
    file.write_text(
        f"store:\n  path: {root / 'store'}\n  elasticsearch:\n    hosts: [{cluster.url}]\n    namespace: {cluster.names.namespace}\n"
    )
    return file


def replaced(cluster: Cluster, url: str) -> Cluster:
    """The same, at the address of a proxy before it."""
    return dataclasses.replace(cluster, connection=Connection(hosts=(url,)))


def loaded(file: Path) -> Config:
    from tallyman.config import load

    return load(file, {})


def batches() -> list[Batch]:
    """Some of two days, of two sources at the same moment, with what is redacted, repeated and unreadable."""
    other = ORIGIN.__class__("web", "json", "/var/log/web.jsonl", "prod", "file", "node-2")
    texts = [f'{{"time": "2026-11-23T10:00:00Z", "n": {number}}}'.encode() for number in range(20)]
    secret = Record(raw(900), 5, "ab" * 32)
    return [
        batch(
            [raw(number, verb="delete" if number < 3 else "get") for number in range(40)],
            1,
            dead=[(b"\xff no JSON", "not JSON")],
        ),
        Batch(other, [Record(text, 10 * place) for place, text in enumerate(texts)], "web", 1, NOON),
        Batch(ORIGIN, [secret], "audit", 2, NOON + 1),
        Batch(ORIGIN, [Record(raw(number), number) for number in range(1000, 1060)], "audit", 3, NOON + DAY),
    ]


def fill(root: Path) -> None:
    sources = {"audit": Given([batches()[0]]), "web": Given([batches()[1]])}
    with world(root, sources, inspectors=[Deletions()], once=True) as made:
        made.run()
        for each in batches()[2:]:
            made.store.add([(entry, made.store.normalize(entry)) for entry in made.journal.append(each, {})])
        made.store.commit()
        ids = [alert["id"] for alert in made.alerts()]
        made.database.alerts.decide(
            ids[:1], "close", user="alice", reason="false_positive", note="known", now=datetime.now(UTC)
        )


def kept(root: Path) -> set[tuple[Any, ...]]:
    """Every entry of a journal, wherever it stands."""
    journal = Journal(root)
    entries: list[Entry] = [
        each for name in journal.partitions() for block in journal.entries(name) for each in block
    ]
    return {(each.record, each.origin, each.received, each.reason) for each in entries}


def alerts(database: Database) -> dict[str, AlertRecord]:
    return {each.id: each for each in database.alerts.records()}


def test_a_store_goes_to_a_cluster_and_back_with_everything(
    tmp_path: Path, cluster: Cluster, tallyman: Ran
) -> None:
    fill(tmp_path / "here" / "store")
    first = config(tmp_path / "here", cluster)
    code, _, said = tallyman(
        "--config", str(first), "store", "copy", "--from", "embedded", "--to", "elasticsearch"
    )
    assert code == 0, said
    assert "copied 122 events and 3 alerts; 0 were there already" in said and "the same 122 events" in said
    assert once(cluster) == 122

    second = config(tmp_path / "there", cluster)
    Journal(tmp_path / "there" / "store", writable=True).close()
    code, _, said = tallyman(
        "--config", str(second), "store", "copy", "--from", "elasticsearch", "--to", "embedded"
    )
    assert code == 0, said
    assert kept(tmp_path / "there" / "store") == kept(tmp_path / "here" / "store")
    one, other = Database(tmp_path / "here" / "store"), Database(tmp_path / "there" / "store")
    assert alerts(other) == alerts(one) and len(alerts(one)) == 3
    one.close(), other.close()
    with Embedded(tmp_path / "there" / "store", Normalizer()) as store:
        assert store.count(parse("verb:delete")) == 3 and store.count(parse("event.kind:pipeline_error")) == 1


def test_a_copy_that_is_made_again_copies_only_what_is_new(tmp_path: Path, cluster: Cluster) -> None:
    fill(tmp_path / "here" / "store")
    made = loaded(config(tmp_path / "here", cluster))
    assert to_cluster(made, lambda number: None)[:2] == (122, 0)
    with Journal(made.store.path, writable=True) as journal:
        journal.append(batch([raw(2000)], 9), {})
    assert to_cluster(made, lambda number: None)[:2] == (1, 0)

    back = loaded(config(tmp_path / "there", cluster))
    Journal(back.store.path, writable=True).close()
    assert from_cluster(back, lambda number: None).events == 123
    assert from_cluster(back, lambda number: None).events == 0


@pytest.mark.parametrize("moment", [1, 30, 70, 100])
def test_a_copy_that_is_stopped_goes_on_where_it_was(tmp_path: Path, cluster: Cluster, moment: int) -> None:
    fill(tmp_path / "here" / "store")
    to_cluster(loaded(config(tmp_path / "here", cluster)), lambda number: None)
    cluster.refresh()
    back = loaded(config(tmp_path / "there", cluster))
    Journal(back.store.path, writable=True).close()
    copied = 0

    def stop(number: int) -> None:
        nonlocal copied
        copied += number
        if copied >= moment:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        from_cluster(back, stop)
    assert copied + from_cluster(back, lambda number: None).events == 122
    assert kept(back.store.path) == kept(tmp_path / "here" / "store")
    assert sum(1 for _ in _entries(back.store.path)) == 122


def _entries(root: Path) -> Any:
    journal = Journal(root)
    return (each for name in journal.partitions() for block in journal.entries(name) for each in block)


def test_a_cluster_that_lacks_an_event_is_told_of_by_day(
    tmp_path: Path, cluster: Cluster, tallyman: Ran
) -> None:
    fill(tmp_path / "here" / "store")
    file = config(tmp_path / "here", cluster)
    to_cluster(loaded(file), lambda number: None)
    with Journal(tmp_path / "here" / "store", writable=True) as journal:
        [lost] = journal.append(batch([raw(3000)], 9), {})
    with database(loaded(file)) as local:  # as if it had been taken
        taken(loaded(file), local, COPIED).move((lost.partition, lost.pointer))
    code, _, said = tallyman(*COPY, "--config", str(file))
    assert code == 1
    assert "2026-11-23: 123 events on this machine, 122 in the cluster" in said
    assert "The same command again looks for all of it and writes what is missing" in said

    code, _, said = tallyman(*COPY, "--config", str(file))
    assert code == 0 and "copied 1 event and 0 alerts; 122 were there already" in said


def test_a_cluster_that_lost_what_was_copied_is_given_it_again(
    tmp_path: Path, cluster: Cluster, tallyman: Ran
) -> None:
    fill(tmp_path / "here" / "store")
    file = config(tmp_path / "here", cluster)
    assert tallyman(*COPY, "--config", str(file))[0] == 0
    cluster.client.indices.delete_data_stream(name=f"logs-*-{cluster.names.namespace}")
    code, _, said = tallyman(*COPY, "--config", str(file))
    assert code == 1 and "2026-11-23: 122 events on this machine, 0 in the cluster" in said
    assert tallyman(*COPY, "--config", str(file))[0] == 0
    assert once(cluster) == 122


def test_what_is_read_during_a_copy_is_not_compared(tmp_path: Path, cluster: Cluster) -> None:
    fill(tmp_path / "here" / "store")
    made = loaded(config(tmp_path / "here", cluster))
    done = to_cluster(made, lambda number: None)
    with Journal(made.store.path, writable=True) as journal:
        journal.append(batch([raw(3000)], 9), {})
    assert compare(made, lambda number: None, done.until)[:2] == (122, [])
    assert compare(made, lambda number: None).lacking_there == {"2026-11-23": 1}


def test_a_trial_copy_leaves_the_place_of_the_run_alone_and_a_run_goes_on_behind_what_was_copied(
    tmp_path: Path, cluster: Cluster, tallyman: Ran
) -> None:
    fill(tmp_path / "here" / "store")
    file = config(tmp_path / "here", cluster)
    trial = Names(f"{cluster.names.namespace}.trial")
    try:
        ours = file.read_text()
        file.write_text(ours.replace(cluster.names.namespace, trial.namespace))
        assert tallyman(*COPY, "--config", str(file))[0] == 0
        file.write_text(ours)
        with database(loaded(file)) as local:
            assert taken(loaded(file), local).place() == BEGINNING
        assert tallyman(*COPY, "--config", str(file))[0] == 0
        file.write_text(ours.replace("store:\n", "store:\n  type: elasticsearch\n"))
        with running(loaded(file), {}) as whole:
            whole.pipeline.index.catch_up()
            assert whole.pipeline.index.tell()["feed_lag_records"] == 0
    finally:
        clean(cluster.client, trial)


def test_what_came_late_to_the_cluster_is_copied_from_it_as_well(
    tmp_path: Path, cluster: Cluster, tallyman: Ran
) -> None:
    file = config(tmp_path / "there", cluster)
    Journal(tmp_path / "there" / "store", writable=True).close()

    def write(name: str, numbers: range, received: float) -> None:
        with fed(tmp_path / name, cluster) as world:
            world.put(replace(batch([raw(number) for number in numbers], 1), received=received))
            world.all_taken()

    write("a", range(10), NOON + 60)
    assert tallyman(*BACK, "--config", str(file))[0] == 0
    write("b", range(100, 105), NOON)  # its collector was behind
    write("c", range(10, 20), NOON + 60)  # the rest of a batch
    write("d", range(200, 203), NOON + 120)
    code, _, said = tallyman(*BACK, "--config", str(file))
    assert code == 0, said
    assert "copied 3 events" in said and "15 events came late" in said and "copied 15 events" in said
    assert "both hold the same 28 events" in said
    assert sum(1 for _ in _entries(tmp_path / "there" / "store")) == 28
    assert "copied 0 events" in tallyman(*BACK, "--config", str(file))[2]
    with Embedded(tmp_path / "there" / "store", Normalizer()) as store:
        assert store.count(parse("")) == 28


def test_what_the_other_has_beyond_is_told_of_and_fine(
    tmp_path: Path, cluster: Cluster, tallyman: Ran
) -> None:
    fill(tmp_path / "here" / "store")
    file = config(tmp_path / "here", cluster)
    code, _, said = tallyman(*BACK, "--config", str(file))
    assert code == 0 and "2026-11-23: 122 events on this machine, 0 in the cluster" in said
    assert "this machine has all of the cluster's, and more" in said

    with fed(tmp_path / "another", cluster) as world:
        world.put_raws([raw(4000)])
        world.all_taken()
    code, _, said = tallyman(*COPY, "--config", str(file))
    assert code == 0 and "2026-11-23: 122 events on this machine, 123 in the cluster" in said
    assert "the cluster has all that was copied, and more" in said


def test_what_the_cluster_refused_is_lacking_there_and_the_run_need_not_try_it_again(
    tmp_path: Path, cluster: Cluster, tallyman: Ran
) -> None:
    root = tmp_path / "here" / "store"
    with Journal(root, writable=True) as journal:
        end = journal.append(batch([raw(1, requestObject={"data": "x" * 21_000_000}), raw(2)], 1), {})[-1]
    Database(root).close()
    file = config(tmp_path / "here", cluster)
    code, _, said = tallyman(*COPY, "--config", str(file))
    assert (
        code == 1
        and "the cluster lacks 1 event though all of it was sent: refused (tallyman deadletter" in said
    )
    with database(loaded(file)) as local:
        assert taken(loaded(file), local).place() == (end.partition, end.pointer)


@pytest.mark.parametrize("wait", [0.0, 0.3, 0.7, 1.1])
def test_an_interrupted_copy_ends_at_once_and_the_next_goes_on(
    tmp_path: Path, cluster: Cluster, wait: float, tallyman: Ran
) -> None:
    fill(tmp_path / "here" / "store")
    with proxy(cluster.url, *[half_busy, refuse(503)] * 1000) as between:
        file = config(tmp_path / "here", replaced(cluster, between.url))
        process = subprocess.Popen(
            [sys.executable, "-m", "tallyman", "--config", str(file), *COPY],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until(lambda: between.bulks or process.poll() is not None, 60)
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            said = process.communicate(timeout=60)[1]
            assert time.monotonic() - began < 60, said
            assert process.returncode == 130, said
            assert "The same command again goes on where this one was" in said
            assert "Traceback" not in said
        finally:
            process.kill()
            process.wait(60)
        between.faults.clear()
        code, _, said = tallyman(*COPY, "--config", str(file))
        assert code == 0, said
    assert once(cluster) == 122


def test_waiting_for_the_last_answer_takes_no_time_of_the_processor(tmp_path: Path, cluster: Cluster) -> None:
    fill(tmp_path / "here" / "store")

    used: list[float] = []

    def slow(request: Request) -> None:
        before = time.process_time()
        time.sleep(2)
        used.append(time.process_time() - before)
        request.answer(*request.forward())

    with proxy(cluster.url, slow) as between:
        made = loaded(config(tmp_path / "here", replaced(cluster, between.url)))
        to_cluster(made, lambda number: None)
    assert len(used) == 1 and used[0] < 0.7


def test_fingerprints_do_not_depend_on_order_and_count_each_event_once() -> None:
    one, other, third = Fingerprint(), Fingerprint(), Fingerprint()
    events = [(0, "a", "1"), (5, "b", "2"), (86_400_000_000, "c", "3")]
    for each in events:
        one.add(*each)
    for each in [*reversed(events), events[0]]:
        other.add(*each)
    for each in [(0, "a", "1"), (5, "b", "another"), (86_400_000_000, "c", "3")]:
        third.add(*each)
    assert one.days() == other.days() and list(one.days()) == ["1970-01-01", "1970-01-02"]
    assert differences(one.days(), third.days()) == [("1970-01-01", 2, 2)]
    assert differences(one.days(), {"1970-01-02": one.days()["1970-01-02"]}) == [("1970-01-01", 2, 0)]
    assert (one.beyond(third), third.beyond(one), one.beyond(other)) == (
        {"1970-01-01": 1},
        {"1970-01-01": 1},
        {},
    )
    assert differences({}, {"1970-01-01": Day(1, 2)}) == [("1970-01-01", 0, 1)]
