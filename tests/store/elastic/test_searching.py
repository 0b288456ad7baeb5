"""What a store in a cluster has to do beside what every store does."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from event_model.errors import StoreError
from event_model.event import Event, Origin, Record
from store.block import Entry
from store.elastic import question, searcher
from store.elastic.client import Connection
from store.elastic.hits import Reader
from store.elastic.names import Names
from store.elastic.narrowed import EVERYTHING
from store.elasticsearch import Elasticsearch
from store.query import Query, parse
from store.query.ast import All, And, Equal, Exists, Like, Not, Or
from store.query.names import resolve
from store.query.predicate import predicate
from store.times import micros
from tallyman.normalizer import Normalizer
from tests.store.clustered import RECEIVED, Clustered
from tests.store.events import make, normalize, numbers, some


@pytest.fixture(scope="module")
def url(elasticsearch: Any) -> str:
    return str(elasticsearch.url)


@pytest.fixture
def cluster(url: str) -> Iterator[Clustered]:
    made = Clustered(url)
    yield made
    made.close()


def read(path: Path, format: str, normalizer: Normalizer) -> list[Event]:
    origin = Origin("test", format, str(path), "prod")
    lines = path.read_bytes().splitlines()
    return [
        normalizer(Entry("", 0, Record(line, number), origin, RECEIVED, ""))
        for number, line in enumerate(lines)
    ]


@pytest.fixture(scope="module")
def real(url: str, sample_logs: Path) -> Iterator[tuple[Clustered, list[Event]]]:
    """Real records of several formats in a cluster, and their events."""
    normalizer = Normalizer()
    made = Clustered(url, normalizer)
    formats = ("kubernetes_audit", "gke_audit", "docker_events")
    events = [event for name in formats for event in read(sample_logs / f"{name}.jsonl", name, normalizer)]
    made.keep(events)
    yield made, events
    made.close()


def raw(cluster: Clustered, **body: Any) -> Any:
    """What the server says to a search as Kibana sends it."""
    return cluster.client.search(index=cluster.store.searcher.index, ignore_unavailable=True, **body)


def hits(cluster: Clustered, query: dict[str, Any]) -> int:
    return int(raw(cluster, query=query, size=0, track_total_hits=True)["hits"]["total"]["value"])


def of(events: list[Event], meets: Callable[[Event], Any]) -> int:
    return sum(1 for event in events if meets(event))


def test_searches_as_kibana_sends_them_answer_right(real: tuple[Clustered, list[Event]]) -> None:
    cluster, events = real
    name = Counter(event.user_name for event in events if event.user_name).most_common(1)[0][0]
    audits = [event for event in events if event.native_name == "kubernetes.audit"]
    assert (
        hits(cluster, {"term": {"user.name": name}}) == of(events, lambda event: event.user_name == name) > 0
    )
    assert hits(cluster, {"exists": {"field": "kubernetes.audit.verb"}}) == len(audits) > 0
    assert hits(cluster, {"term": {"event.dataset": "docker.events"}}) == of(
        events, lambda event: event.dataset == "docker.events"
    )
    assert hits(cluster, {"term": {"source.ip": "0.0.0.0/0"}}) == of(
        events, lambda event: event.source_ip and ":" not in event.source_ip
    )
    assert hits(cluster, {"match_phrase": {"message": audits[0].message}}) >= 1
    verbs = raw(cluster, size=0, aggs={"it": {"terms": {"field": "kubernetes.audit.verb", "size": 100}}})
    found = {bucket["key"]: bucket["doc_count"] for bucket in verbs["aggregations"]["it"]["buckets"]}
    assert found == Counter(event.native.verb for event in audits)
    hours = {"field": "@timestamp", "fixed_interval": "1h", "min_doc_count": 1}
    drawn = raw(cluster, size=0, aggs={"it": {"date_histogram": hours}})["aggregations"]["it"]["buckets"]
    assert {bucket["key"] // 3_600_000: bucket["doc_count"] for bucket in drawn} == Counter(
        micros(event.timestamp) // 3_600_000_000 for event in events
    )


def test_real_records_come_back_as_the_same_events(real: tuple[Clustered, list[Event]]) -> None:
    cluster, events = real
    found = cluster.store.search(All(), limit=1000).events
    assert Counter(event.message for event in found) == Counter(event.message for event in events)
    assert Counter(event.record for event in found) == Counter(event.record for event in events)
    assert {event.origin for event in cluster.store.every()} == {event.origin for event in events}


def test_an_event_that_was_sent_again_after_a_rollover_is_told_once(cluster: Clustered) -> None:
    events = some(0, 30)
    cluster.keep(events)
    cluster.client.indices.rollover(alias=cluster.names.stream("test"))
    cluster.keep(events)
    assert cluster.store.count(All()) == 60  # both copies are there
    for limit in (7, 30, 100):
        told: list[int] = []
        after = None
        while True:
            page = cluster.store.search(All(), limit=limit, after=after, oldest_first=True)
            told += numbers(page.events)
            after = page.after
            if after is None:
                break
        assert told == list(range(30))


def test_top_values_of_several_indices_are_exact_however_few_are_asked_for_at_first(
    cluster: Clustered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(question, "_FIRST_TOP", 4)
    number, expected = 0, Counter[str]()
    for most in ("abcdefgh", "hgzyxwvu", "mnaobpcq"):  # the first of them is commonest in its index
        names = [name for rank, name in enumerate(most) for _ in range(12 - rank)]
        cluster.keep([make(number + place, user_name=name) for place, name in enumerate(names)])
        cluster.client.indices.rollover(alias=cluster.names.stream("test"))
        number += len(names)
        expected.update(names)
    ranked = sorted(expected.items(), key=lambda pair: (-pair[1], pair[0]))
    for size in (1, 3, 5, 100):
        assert cluster.store.top(All(), "user", size=size) == ranked[:size]


def test_more_events_are_read_than_a_server_gives_at_once(cluster: Clustered) -> None:
    for start in range(0, 10_500, 3_500):
        cluster.keep(
            [make(number, f"2026-11-23T12:00:00.{number:06}Z") for number in range(start, start + 3_500)]
        )
    found = cluster.store.search(All(), limit=10_400, oldest_first=True)
    assert numbers(found.events) == list(range(10_400))
    assert (found.total, found.exact) == (10_000, False)
    assert cluster.store.count(All()) == 10_500
    rest = cluster.store.search(All(), limit=200, after=found.after, oldest_first=True)
    assert numbers(rest.events) == list(range(10_400, 10_500)) and rest.after is None
    assert cluster.store.search(All(), limit=0).total == 10_500


def test_reading_goes_on_where_a_point_in_time_has_ended(cluster: Clustered) -> None:
    cluster.keep(some(0, 60))
    with cluster.store.searcher.standing(True) as standing:
        reader = Reader(cluster.store.searcher, normalize, EVERYTHING, oldest_first=True, standing=standing)
        first = reader.read(40)[0]
        cluster.client.close_point_in_time(id=standing["pit"]["id"])
        rest = reader.read(40)[0]
    assert numbers([hit.event for hit in (*first, *rest)]) == list(range(60)) and reader.ended


def test_a_search_that_must_test_every_event_stops_and_can_go_on(url: str) -> None:
    cluster = Clustered(url, most_tested=300)
    try:
        cluster.keep(
            [
                make(number, f"2026-11-23T12:00:00.{number:06}Z", message=f"{number} did")
                for number in range(1500)
            ]
        )
        store = cluster.store
        seen: list[tuple[int, int]] = []
        query = parse("message:/5|1490/", lucene=True)
        first = store.search(query, progress=lambda done, of: seen.append((done, of)))
        assert numbers(first.events) == [1490]
        assert (first.total, first.exact) == (1, False) and first.after is not None
        assert seen[-1][1] == 1500 and seen[-1][0] < 1500
        later, after = [], first.after
        while after is not None:
            page = store.search(query, after=after)
            later += numbers(page.events)
            after = page.after
        assert later == [5]
        assert store.count(query, progress=lambda done, of: seen.append((done, of))) == 2
        assert seen[-1] == (1500, 1500)
    finally:
        cluster.close()


def test_no_search_is_too_long_or_too_deep(cluster: Clustered) -> None:
    user, pod, native = resolve("user"), resolve("pod"), "requestObject.spec.n{}"
    events = [
        make(number, f"2026-11-23T12:00:{number:02}Z", user_name="ab"[number % 2], pod_name=f"p{number}")
        for number in range(10)
    ]
    cluster.keep(events)
    deep: Query = Equal(user, "a")
    for depth in range(45):
        deep = Or((Not(And((deep, Not(Equal(pod, f"q{depth}"))))), Like(pod, "*7?x")))
        if depth % 11 == 0:
            deep = And((deep, Equal(user, "a")))
    searches: list[Query] = [
        deep,
        Or((*tuple(Like(user, f"*{number}b") for number in range(1500)), Equal(user, "a"))),
        And(tuple(Not(Like(pod, f"*{number}")) for number in range(2, 500))),
        Or((*tuple(Equal(resolve(native.format(number)), "x") for number in range(390)), Equal(user, "b"))),
        And(tuple(Not(Exists(resolve(native.format(number)))) for number in range(390))),
        parse(" or ".join(f"word{number}" for number in range(1000))),
        parse("user:(" + " or ".join(["a", *map(str, range(2000))]) + ")"),
        parse("not " * 50 + "(" * 80 + "user:a" + ")" * 80),
    ]
    for query in searches:
        meets = predicate(query)
        expected = numbers([event for event in events if meets(event)])
        assert numbers(cluster.store.search(query, oldest_first=True).events) == expected
        assert cluster.store.count(query) == len(expected)


def test_an_answer_of_only_some_shards_is_an_error(cluster: Clustered) -> None:
    cluster.keep([make(0, user_name="alice"), make(1, user_name="bob")])
    other = cluster.names.stream("docker.events")
    cluster.client.indices.put_index_template(
        name=cluster.names.namespace + "-odd", index_patterns=[other], data_stream={}, priority=2000,
        template={"mappings": {"properties": {"user": {"properties": {"name": {"type": "text"}}}}}},
    )  # fmt: skip
    try:
        cluster.client.create(
            index=other, id="odd", refresh=True,
            document={"@timestamp": "2026-11-23T12:00:00Z", "user": {"name": "carol"}},
        )  # fmt: skip
        with pytest.raises(StoreError, match=r"refused .*user.name"):
            cluster.store.top(All(), "user")
    finally:
        cluster.client.indices.delete_data_stream(name=other)
        cluster.client.indices.delete_index_template(name=cluster.names.namespace + "-odd")
    assert cluster.store.top(All(), "user") == [("alice", 1), ("bob", 1)]


def test_a_cluster_that_is_away_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searcher, "GRACE", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        with (
            Elasticsearch(
                Connection((f"http://127.0.0.1:{port}",), timeout=0.2), Names("x"), normalize
            ) as store,
            pytest.raises(StoreError, match=f"127.0.0.1:{port}.*no answer in 0.2 seconds"),
        ):
            store.search(All())
    with Elasticsearch(Connection((f"http://127.0.0.1:{port}",)), Names("x"), normalize) as store:
        for ask in (store.count, store.search, store.histogram):
            with pytest.raises(StoreError, match=f"127.0.0.1:{port}.*can't be reached"):
                ask(All())


def test_what_takes_a_cluster_too_long_is_no_shorter_answer(
    cluster: Clustered, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.keep(some(0, 5))
    whole = cluster.client.msearch(
        searches=[{"index": cluster.store.searcher.index, "ignore_unavailable": True}, {}]
    )
    slow = {"responses": [{**whole["responses"][0], "timed_out": True}]}

    class Slow:
        def options(self, **_: Any) -> Slow:
            return self

        def msearch(self, **_: Any) -> Any:
            return slow

    monkeypatch.setattr(cluster.store.searcher, "client", Slow())
    with pytest.raises(TimeoutError, match="--since"):
        cluster.store.count(All())
    with pytest.raises(StoreError, match="--since"):
        cluster.store.search(All())


def test_a_store_says_how_much_it_holds(cluster: Clustered) -> None:
    assert cluster.store.held().partitions == 0
    cluster.keep(some(0, 5))
    held = cluster.store.held()
    assert held.partitions == 1 and held.bytes and cluster.names.namespace in held.path
