"""Whatever happens on the way to the cluster, every event is there once in the end, and it is said what is going on."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from event_model.event import Event, Record
from event_model.parts import Batch
from store.elastic.bulk import Bulk
from store.feeding import BEGINNING
from store.journal import Entry
from store.times import rfc3339
from tallyman.normalizer import Normalizer
from tests.services.cluster import Cluster
from tests.services.proxy import Fault, cut, half_busy, lose, proxy, refuse
from tests.store.elastic.fed import fed, letters, once, raws, until
from tests.tallyman.world import NOON, ORIGIN, batch, raw


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([refuse(429), refuse(503), refuse(429)], id="a flood of 429 and 503"),
        pytest.param([cut], id="an answer that is cut off"),
        pytest.param([lose], id="an answer that never comes"),
        pytest.param([half_busy, half_busy], id="a queue that is full for some of them"),
        pytest.param([refuse(413)], id="a request that is too large"),
        pytest.param([lambda request: request.answer(200, b'{"took": 1}')], id="an answer of something else"),
    ],
)
def test_every_event_is_there_once(tmp_path: Path, cluster: Cluster, faults: list[Fault]) -> None:
    with proxy(cluster.url, *faults) as between, fed(tmp_path, cluster, between.url) as world:
        world.put_raws(raws(0, 50))
        world.all_taken()
        assert not between.faults
        assert world.numbers["feed_taken"] + world.numbers["feed_known"] == 50
    assert once(cluster) == 50


def test_only_what_met_a_full_queue_is_sent_again(tmp_path: Path, cluster: Cluster) -> None:
    with proxy(cluster.url, half_busy) as between, fed(tmp_path, cluster, between.url) as world:
        world.put_raws(raws(0, 40))
        world.all_taken()
        assert between.bulks == [40, 20]
    assert once(cluster) == 40


def test_what_was_written_before_a_rollover_is_not_written_again_after_it(
    tmp_path: Path, cluster: Cluster
) -> None:
    stream = cluster.names.stream("kubernetes.audit_logs")

    def lose_and_roll_over(request: object) -> None:
        lose(request)  # type: ignore[arg-type]
        cluster.client.indices.rollover(alias=stream)

    with proxy(cluster.url, lose_and_roll_over) as between, fed(tmp_path, cluster, between.url) as world:
        world.put_raws(raws(0, 20))
        world.all_taken()
        assert world.numbers["feed_known"] == 20
    assert once(cluster) == 20


def test_a_slow_answer_is_not_waited_for_twice_as_long(tmp_path: Path, cluster: Cluster) -> None:
    go_on = threading.Event()

    def slow(request: object) -> None:
        go_on.wait(30)
        request.answer(*request.forward())  # type: ignore[attr-defined]

    with proxy(cluster.url, slow) as between, fed(tmp_path, cluster, between.url, timeout=1.0) as world:
        world.put_raws(raws(0, 20))
        world.all_taken()
        go_on.set()
    assert once(cluster) == 20


@pytest.mark.parametrize(
    ("block", "said"),
    [("read_only_allow_delete", "the cluster's disk is full"), ("write", "no writing")],
)
def test_an_index_that_is_closed_for_writing_is_waited_for(
    tmp_path: Path, cluster: Cluster, block: str, said: str
) -> None:
    stream = cluster.names.stream("kubernetes.audit_logs")
    with fed(tmp_path, cluster) as world:
        world.put_raws(raws(0, 10))
        world.all_taken()
        cluster.client.indices.put_settings(index=stream, settings={f"index.blocks.{block}": True})
        world.put_raws(raws(10, 20), 1)
        until(lambda: world.feed.tell()["feed_away_seconds"])
        reason, since = world.database.feeding.trouble()
        assert reason.startswith(said) and since > 0
        assert world.feed.tell()["feed_lag_records"] == 10
        cluster.client.indices.put_settings(index=stream, settings={f"index.blocks.{block}": None})
        world.all_taken()
        until(lambda: not world.feed.tell()["feed_away_seconds"])
        assert world.database.feeding.trouble() == ("", 0.0)
    assert once(cluster) == 20


def test_what_clashes_with_a_mapping_is_a_dead_letter_with_the_reason(
    tmp_path: Path, cluster: Cluster
) -> None:
    stream = cluster.names.stream("kubernetes.audit_logs")
    cluster.client.indices.put_index_template(  # someone has other ideas about our fields
        name=f"clash-{cluster.names.namespace}", index_patterns=[stream], data_stream={}, priority=1000,
        template={
            # in logsdb mode, that of Elasticsearch 9, what is malformed would not be refused
            "settings": {"index.auto_expand_replicas": "0-1", "index.mapping.ignore_malformed": False},
            "mappings": {"properties": {"user": {"properties": {"name": {"type": "long"}}}}},
        },
    )  # fmt: skip
    try:
        with fed(tmp_path, cluster) as world:
            world.put_raws([raw(1), raw(2, user={"username": "17"}), raw(3)])
            world.all_taken()
            assert world.numbers["feed_refused"] == 2
            assert world.database.feeding.held() == {}  # the cluster has the letters whole
        found = letters(cluster)
        assert {each["event"]["original"] for each in found} == {raw(1).decode(), raw(3).decode()}
        assert all(
            "failed to parse field [user.name] of type [long]" in each["event"]["reason"] for each in found
        )
        assert all(each["event"]["kind"] == "pipeline_error" for each in found)
        assert once(cluster) == 3
    finally:
        cluster.client.indices.delete_data_stream(name=stream)
        cluster.client.indices.delete_index_template(name=f"clash-{cluster.names.namespace}")


def test_a_record_of_100_mb_is_a_dead_letter_and_stays_in_the_journal(
    tmp_path: Path, cluster: Cluster
) -> None:
    huge = raw(1, requestObject={"data": "x" * 100_000_000})
    with fed(tmp_path, cluster) as world:
        world.put_raws([raw(0), huge, raw(2)])
        world.all_taken()
        [(place, reason)] = world.database.feeding.held().items()
        assert world.journal.read(place[0], [place[1]])[0].record.raw == huge
        assert "too large for the cluster: a document of 1" in reason and "stays in the journal" in reason
    [letter] = letters(cluster)
    assert letter["event"]["reason"] == reason and "original" not in letter["event"]
    assert once(cluster) == 3


def test_a_large_record_goes_whole_and_is_found_by_its_fields(tmp_path: Path, cluster: Cluster) -> None:
    large = raw(1, requestObject={"data": "x" * 9_000_000})
    with fed(tmp_path, cluster) as world:
        world.put_raws([large])
        world.all_taken()
        assert world.numbers["feed_refused"] == 0
    stream = cluster.names.stream("kubernetes.audit_logs")
    cluster.refresh()
    [hit] = cluster.client.search(index=stream, query={"term": {"user.name": "user-1"}})["hits"]["hits"]
    assert hit["_source"]["event"]["original"] == large.decode()


def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, cluster: Cluster) -> None:
    stamps = [
        "1970-01-01T00:00:00Z",
        "2026-11-23T11:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "0001-01-01T00:00:00Z",
    ]
    with fed(tmp_path, cluster) as world:
        for number, jump in enumerate((0, 86_400 * 400, -86_400 * 9_000, 86_400, 0, 7 * 86_400)):
            stamp = stamps[number % len(stamps)]
            records = [Record(raw(number, stageTimestamp=stamp, requestReceivedTimestamp=stamp), number)]
            world.put(Batch(ORIGIN, records, "audit", number, NOON + jump))
        world.all_taken()
        assert len(world.journal.partitions()) > 1
    assert once(cluster) == 6


def test_two_writers_with_the_same_records_make_one_document_of_each(
    tmp_path: Path, cluster: Cluster
) -> None:
    with fed(tmp_path / "a", cluster) as one, fed(tmp_path / "b", cluster) as other:
        for position in range(4):
            same = raws(50 * position, 50 * position + 50)
            one.put_raws(same, position)
            other.put_raws(same, position)
        one.all_taken()
        other.all_taken()
        numbers = one.numbers + other.numbers
        assert (numbers["feed_taken"], numbers["feed_known"]) == (200, 200)
    assert once(cluster) == 200


def test_a_writer_that_lags_across_a_rollover_writes_nothing_again(tmp_path: Path, cluster: Cluster) -> None:
    same = raws(0, 50)
    with fed(tmp_path / "a", cluster) as one:
        one.put_raws(same)
        one.all_taken()
    cluster.client.indices.rollover(alias=cluster.names.stream("kubernetes.audit_logs"))
    with fed(tmp_path / "b", cluster) as other:
        other.put_raws(raws(50, 60))
        other.all_taken()
        other.put_raws(same, 1)
        other.all_taken()
        assert (other.numbers["feed_taken"], other.numbers["feed_known"]) == (10, 50)
    assert once(cluster) == 60


def test_a_dead_letter_that_another_reads_again_long_after_a_rollover_is_not_written_again(
    tmp_path: Path, cluster: Cluster
) -> None:
    def given(received: float) -> Batch:
        return replace(batch([raw(1)], 1, dead=[(b"\xff no JSON", "not JSON")]), received=received)

    with fed(tmp_path / "a", cluster) as one:
        one.put(given(time.time()))
        one.all_taken()
    for dataset in ("kubernetes.audit_logs", "tallyman.dead_letters"):
        cluster.client.indices.rollover(alias=cluster.names.stream(dataset))
    with fed(tmp_path / "b", cluster) as other:
        other.put_raws([raw(2)])  # what comes first may be from before a crash, and is looked for anyway
        other.all_taken()
        other.put(given(time.time() + 86_400))
        other.all_taken()
        assert (other.numbers["feed_taken"], other.numbers["feed_known"]) == (1, 2)
    assert once(cluster) == 3


@pytest.mark.parametrize(
    ("ahead", "later"), [(600, 0), (600, 900), (864_000, 0)], ids=["minutes", "minutes, read later", "days"]
)
def test_an_event_ahead_of_the_clock_is_not_written_again_after_a_rollover(
    tmp_path: Path, cluster: Cluster, ahead: int, later: int
) -> None:
    now = time.time()
    stamp = rfc3339(round((now + ahead) * 1e6))
    record = raw(1, stageTimestamp=stamp, requestReceivedTimestamp=stamp)
    with fed(tmp_path / "a", cluster) as one:
        one.put(replace(batch([record], 1), received=now))
        one.all_taken()
    cluster.client.indices.rollover(alias=cluster.names.stream("kubernetes.audit_logs"))
    with fed(tmp_path / "b", cluster) as other:
        other.put_raws([raw(2)])
        other.all_taken()
        other.put(replace(batch([record], 1), received=now + later))
        other.all_taken()
        assert (other.numbers["feed_taken"], other.numbers["feed_known"]) == (1, 1)
    assert once(cluster) == 2


def test_a_cluster_that_takes_the_place_of_another_is_given_all_that_the_journal_has(
    tmp_path: Path, cluster: Cluster
) -> None:
    answering = ["one"]

    class Named(Bulk):
        def cluster(self) -> str:
            return answering[-1]

    with proxy(cluster.url) as between, fed(tmp_path, cluster, between.url, bulk=Named) as world:
        world.put_raws(raws(0, 30))
        world.all_taken()
        before = world.taken.place()
        cluster.client.indices.delete_data_stream(name=f"logs-*-{cluster.names.namespace}")
        answering.append("another")
        between.faults.append(refuse(503))  # it was away in between
        world.put_raws(raws(30, 40), 1)
        until(lambda: world.numbers["feed_taken"] == 70)
        world.all_taken()
        assert world.taken.place() > before
        world.taken.answered("one")
        assert world.taken.place() == before
    assert once(cluster) == 40


def test_while_the_cluster_is_away_the_journal_goes_on_and_is_drained_in_order(
    tmp_path: Path, cluster: Cluster
) -> None:
    with proxy(cluster.url) as between, fed(tmp_path, cluster, between.url) as world:
        between.faults += [refuse(503)] * 1000
        for position in range(100):  # more than waits in memory
            world.put_raws(raws(10 * position, 10 * position + 10), position)
        until(lambda: world.feed.tell()["feed_away_seconds"])
        assert world.feed.tell()["feed_lag_records"] == 1000 and world.feed.tell()["feed_lag_bytes"] > 10_000
        assert "503" in world.database.feeding.trouble()[0]
        between.faults.clear()
        world.all_taken()
        last = [entry for entries in world.journal.entries(world.journal.current) for entry in entries][-1]
        assert world.taken.place() == (last.partition, last.pointer)
    assert once(cluster) == 1000


def test_past_the_bound_the_pipeline_waits_until_the_cluster_has_caught_up(
    tmp_path: Path, cluster: Cluster
) -> None:
    with proxy(cluster.url) as between, fed(tmp_path, cluster, between.url, most_behind=20_000) as world:
        between.faults += [refuse(429)] * 1000
        done = list[int]()

        def pipeline() -> None:
            for position in range(200):
                world.put_raws(raws(10 * position, 10 * position + 10), position)
                done.append(position)

        thread = threading.Thread(target=pipeline)
        thread.start()
        until(lambda: world.numbers["feed_waits"])
        held_back = len(done)
        assert world.feed.lag_bytes() < 30_000 and held_back < 199
        between.faults.clear()
        thread.join(60)
        assert len(done) == 200
        world.all_taken()
    assert once(cluster) == 2000


def test_what_an_earlier_run_left_is_fed_by_the_next(tmp_path: Path, cluster: Cluster) -> None:
    with proxy(cluster.url, *[refuse(503)] * 1000) as between, fed(tmp_path, cluster, between.url) as world:
        world.put_raws(raws(0, 30))
        until(lambda: world.feed.tell()["feed_away_seconds"])
    assert once(cluster) == 0
    with fed(tmp_path, cluster) as world:
        assert world.feed.tell()["feed_lag_records"] == 30
        world.put_raws(raws(30, 40), 1)
        world.all_taken()
    assert once(cluster) == 40


def test_a_lost_place_means_that_everything_is_looked_for_and_nothing_written_again(
    tmp_path: Path, cluster: Cluster
) -> None:
    with fed(tmp_path, cluster) as world:
        world.put_raws(raws(0, 30))
        world.all_taken()
        world.taken.move(BEGINNING)
    cluster.client.indices.rollover(alias=cluster.names.stream("kubernetes.audit_logs"))
    with fed(tmp_path, cluster) as world:
        world.put(batch([raw(31)], 1))
        world.all_taken()
        assert (world.numbers["feed_known"], world.numbers["feed_taken"]) == (30, 1)
    assert once(cluster) == 31


def test_an_event_that_no_document_can_be_made_of_is_a_dead_letter_and_holds_nothing_up(
    tmp_path: Path, cluster: Cluster
) -> None:
    normalizer = Normalizer()

    def stumbling(entry: Entry) -> Event:
        event = normalizer(entry)
        if b"stumble" in entry.record.raw and not entry.reason:
            return replace(event, sentence=lambda event: event.nothing)
        return event

    origin = replace(ORIGIN, format="json")
    with fed(tmp_path, cluster, normalize=stumbling) as world:
        world.put(batch([b'{"n": 1}', b'{"stumble": 2}', b'{"n": 3}'], 1, origin=origin))
        world.all_taken()
    [letter] = letters(cluster)
    assert letter["event"]["original"] == '{"stumble": 2}' and "AttributeError" in letter["event"]["reason"]
    assert once(cluster) == 3
