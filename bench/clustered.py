"""Search many events in a cluster: ours beside the same questions as one wrote them by hand."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import orjson

from bench.generate import lines
from bench.measure import Row, in_turn
from collector.formats import FORMATS
from event_model.event import Origin, Record
from store.block import Entry
from store.elastic import templates
from store.elastic.client import Connection
from store.elastic.document import Documents
from store.elastic.hits import SOURCE
from store.elastic.names import Names
from store.elasticsearch import Elasticsearch
from store.query import parse
from store.times import rfc3339
from tallyman.normalizer import Normalizer
from tests.services.elasticsearch import started

EVENTS = int(os.environ.get("TALLYMAN_BENCH_EVENTS", 1_000_000))
DISTINCT = 20_000  # then the same ones again, at other times: generating takes longer than indexing
CHUNK, SENDERS = 2_000, 2
START, STEP = 1_793_577_600_000_000, 86_400_000_000  # 2026-11-02 and a day, in microseconds
AUDIT = "kubernetes.audit_logs"
# when questions begin: no two are alike, in any run
_BEGINNINGS = count(START + random.randrange(3_600_000_000), 1000)
# a first page is five requests (events, ends and then bars, two fields); by hand it is one
FIRST_PAGE, PAGE = 3.0, 1.5
Filter = dict[str, Any]


def term(field: str, value: Any) -> Filter:
    return {"term": {field: value}}


def every(*filters: Filter) -> Filter:
    return {"bool": {"filter": list(filters)}}


# what is typed, and the same by hand
FIRST_PAGES: dict[str, Filter] = {
    "": {"match_all": {}},
    "who:human": term("tallyman.user.kind", "human"),
    "user:alice@example.com": term("user.name", "alice@example.com"),
    "verb:create and resource:pods": every(
        term("event.action", "create"), term("orchestrator.resource.type", "pods")
    ),
    "ip:10.9.0.0/16 and outcome:success": every(
        term("source.ip", "10.9.0.0/16"), term("event.outcome", "success")
    ),
}
PAGES: dict[str, tuple[str, Filter]] = {
    "text": ('message:"alice@example.com listed pods"', {"match_phrase": {"message": "alice@example.com listed pods"}}),
    "deep field": (
        "requestObject.spec.containers.image:registry.example.com/ci/tool*",
        {"prefix": {"kubernetes.audit.requestObject.spec.containers.image": "registry.example.com/ci/tool"}},
    ),
}  # fmt: skip


def search(log: Path) -> Iterator[Row]:
    """Medians of pages of 50 events: with 60 bars and 10 top values of two fields, of text, of a deep field.

    The server is warm, but each question begins at another time, so that it can't answer from what it remembers.
    """
    with filled() as store:
        for text, by_hand in FIRST_PAGES.items():
            yield _row(
                f"first page: {text or 'everything'}",
                partial(_by_hand, store, by_hand, True),
                partial(first_page, store, text),
                FIRST_PAGE,
            )
        for name, (text, by_hand) in PAGES.items():
            yield _row(
                f"page: {name}", partial(_by_hand, store, by_hand, False), partial(page, store, text), PAGE
            )


def _row(what: str, floor: Callable[[], object], ours: Callable[[], object], target: float) -> Row:
    for each in (floor, ours):
        each()  # warm
    hand, made = in_turn(floor, ours, rounds=15)
    return Row(
        what,
        f"{EVENTS:,} events",
        f"{hand * 1000:.0f} ms",
        f"{made * 1000:.0f} ms",
        made / hand,
        target,
        "lower",
    )


def page(store: Elasticsearch, text: str) -> None:
    store.search(parse(text), since=rfc3339(next(_BEGINNINGS)), limit=50)


def first_page(store: Elasticsearch, text: str) -> None:
    """What the page asks for, all at once: events, counts over time, commonest values."""
    query, since = parse(text), rfc3339(next(_BEGINNINGS))
    with ThreadPoolExecutor(3) as threads:
        counts: list[Future[Any]] = [threads.submit(store.histogram, query, since=since, buckets=60)]
        counts += [
            threads.submit(store.top, query, field, since=since) for field in ("user.name", "event.action")
        ]
        store.search(query, since=since, limit=50)
        assert all(each.result() for each in counts)


def _by_hand(store: Elasticsearch, query: Filter, counts: bool) -> None:
    """The same in one request, with the answer's records decoded and nothing made of them."""
    since = {"range": {"tallyman.time": {"gte": next(_BEGINNINGS)}}}
    body: dict[str, Any] = {
        "query": every(since, query), "size": 50, "_source": SOURCE, "track_total_hits": 10_000,
        "sort": [{"tallyman.time": "desc"}, {"tallyman.order": "desc"}],
    }  # fmt: skip
    if counts:
        body["aggs"] = {
            "bars": {"date_histogram": {"field": "@timestamp", "fixed_interval": "30m"}},
            "user": {"terms": {"field": "user.name", "size": 10}},
            "verb": {"terms": {"field": "event.action", "size": 10}},
        }
    store.client.search(index=store.names.stream(AUDIT), body=body)


@contextmanager
def filled() -> Iterator[Elasticsearch]:
    """A cluster of one node with EVENTS events: the one that TALLYMAN_TEST_ELASTICSEARCH names, or our own.

    One that is named keeps them for the next time, since filling takes longer than measuring.
    """
    named = os.environ.get("TALLYMAN_TEST_ELASTICSEARCH")
    server = nullcontext(named) if named else own()
    with server as url, _store(url) as store:
        if not _holds(store):
            _fill(store)
        yield store


@contextmanager
def own() -> Iterator[str]:
    with started(heap="1g", java="") as server:
        yield server.url


def _store(url: str) -> Elasticsearch:
    return Elasticsearch(Connection((url,), timeout=120.0), Names(f"bench{EVENTS}"), Normalizer())


def _holds(store: Elasticsearch) -> bool:
    there = store.client.count(index=store.names.stream(AUDIT), ignore_unavailable=True)
    return bool(there["count"] == EVENTS)


def _fill(store: Elasticsearch) -> None:
    mappings = templates.components()["tallyman-mappings"]["template"]["mappings"]
    settings = {"index": {**templates.settings()["index"], "refresh_interval": "-1"}}
    indices, names = store.client.indices, store.names
    indices.delete_data_stream(name=names.stream(AUDIT) + "*")
    indices.put_index_template(
        name=names.namespace, index_patterns=list(names.streams), data_stream={}, priority=1000,
        template={"settings": settings, "mappings": mappings},
    )  # fmt: skip

    def send(body: Any) -> None:
        answer = store.client.bulk(index=names.stream(AUDIT), operations=body, filter_path="errors")
        assert not answer["errors"]

    begun, bodies = time.perf_counter(), bulks(Documents(mappings["properties"], names))
    with ThreadPoolExecutor(SENDERS) as senders:
        while some := list(islice(bodies, SENDERS)):
            list(senders.map(send, some))
    indices.refresh(index=names.stream(AUDIT))
    print(f"(filled with {EVENTS:,} events in {time.perf_counter() - begun:.0f} s)", flush=True)


def bulks(documents: Documents) -> Iterator[Any]:
    """Bodies of bulk requests: documents of DISTINCT records, over and over, each with an id and a time of its own."""
    format = FORMATS.make("kubernetes_audit")
    origin = Origin(source="bench", format="kubernetes_audit", cluster="bench")
    made = []
    for number, line in enumerate(lines(DISTINCT)):
        record = Record(line, number)
        event = format.normalize(record, origin)
        source = documents.make(Entry("", 0, record, origin, 0.0, ""), event, "2026-11-02T00:00:00Z").source
        made.append(orjson.loads(source))
    for start in range(0, EVENTS, CHUNK):
        body: list[bytes] = []
        for number in range(start, min(start + CHUNK, EVENTS)):
            document = made[number % DISTINCT]
            moment = START + number * STEP // EVENTS
            id = f"{number * 0x9E3779B97F4A7C15 % (1 << 64):016x}{number:024x}"
            document["@timestamp"] = rfc3339(moment)
            ours = document["tallyman"]
            ours["id"], ours["time"], ours["order"] = id, moment, int(id[:16], 16) >> 1
            body += [b'{"create":{"_id":"%b"}}' % id.encode(), orjson.dumps(document)]
        yield body
