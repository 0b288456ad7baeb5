"""A query becomes the filters that mean it, and says which documents its events must be asked about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from store.elastic.narrowed import EVERYTHING, NOTHING, Filter, Narrowed, size
from store.elastic.query import MOST_CLAUSES, MOST_DEPTH, narrow, span
from store.query import parse
from store.query.ast import And, Between, Equal, Like, Not, Or, Query
from store.query.names import resolve

TYPES = {
    "user.name": "keyword",
    "source.ip": "ip",
    "labels": "flattened",
    "http.response.status_code": "long",
    "kubernetes.audit.verb": "keyword",
    "kubernetes.audit.requestObject": "flattened",
    "kubernetes.audit.user.extra": "flattened",
    "tallyman.record": "flattened",
}
ROOTS = ("kubernetes.audit", "tallyman.record")


def compiled(query: str | Query, values: Callable[[str], list[Any] | None] = lambda field: None) -> Narrowed:
    return narrow(parse(query) if isinstance(query, str) else query, TYPES, ROOTS, values)


def clean(query: str | Query, values: Callable[[str], list[Any] | None] = lambda field: None) -> Filter:
    """The filter for documents that hold just what their events have."""
    return compiled(query, values).query


def flat(path: str) -> str:
    return "kubernetes.audit.requestObject." + path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", EVERYTHING),
        ("user:alice", {"term": {"user.name": "alice"}}),
        ("user:(alice or bob)", {"terms": {"user.name": ["alice", "bob"]}}),
        ("not user:alice", {"bool": {"must_not": [{"term": {"user.name": "alice"}}]}}),
        ("not not user:alice", {"term": {"user.name": "alice"}}),
        ("user:al*", {"prefix": {"user.name": "al"}}),
        ("user:*a*", {"wildcard": {"user.name": {"value": "*a*"}}}),
        (r"user:\*", {"term": {"user.name": "*"}}),
        (r"user:\*x*y", {"wildcard": {"user.name": {"value": r"\*x*y"}}}),
        ("user:*", {"exists": {"field": "user.name"}}),
        ("code:404", {"term": {"http.response.status_code": 404}}),
        ("code >= 400.5", {"range": {"http.response.status_code": {"gte": 401, "lte": (1 << 63) - 1}}}),
        ("code < 400", {"range": {"http.response.status_code": {"gte": -(1 << 63), "lte": 399}}}),
        ("user >= m", {"range": {"user.name": {"gte": "m"}}}),
        ("message:Shell", {"term": {"tallyman.words.message": "shell"}}),
        ('message:"Opened a"', {"match_phrase": {"tallyman.words.message": "opened a"}}),
        ("command:*shadow", {"wildcard": {"tallyman.words.command": {"value": "*shadow"}}}),
        ("ip:10.0.0.7", {"term": {"source.ip.keyword": "10.0.0.7"}}),
        ("ip:10.0.0.0/8", {"term": {"source.ip": "10.0.0.0/8"}}),
        ("ip:fd00::/8", {"term": {"source.ip": "fd00::/8"}}),
        ("labels.truncated:true", {"term": {"labels.truncated": "true"}}),
        ("requestObject.spec.hostPID:true", {"term": {flat("spec.hostPID"): "true"}}),
        ("requestObject.spec.image:nginx*", {"prefix": {flat("spec.image"): "nginx"}}),
        ("requestObject:true", {"term": {"kubernetes.audit.requestObject": "true"}}),
        ("data_stream.dataset:x", {"term": {"event.dataset": "x"}}),
        ("data_stream.type:logs", EVERYTHING),
        ("data_stream.type:metrics", NOTHING),
        ("id:abc", NOTHING),
    ],
)  # fmt: skip
def test_a_search_is_said_in_the_servers_words(text: str, expected: Filter) -> None:
    assert clean(text) == expected


def test_a_time_is_compared_in_microseconds() -> None:
    assert span(None, None) == EVERYTHING
    assert span(5, None) == {"range": {"tallyman.time": {"gte": 5}}}
    assert clean(Between(resolve("@timestamp"), 5, 9, high_counts=False)) == {
        "range": {"tallyman.time": {"gte": 5, "lt": 9}}
    }
    early = compiled(Between(resolve("event.start"), 1_500, 9_000))
    assert early.gap["bool"]["should"] == [
        {"range": {"event.start": {"format": "epoch_millis", "gte": 1, "lte": 9}}},
        {"term": {"tallyman.long": "event.start"}},
    ]


def test_where_a_document_had_to_cut_a_value_its_event_is_asked() -> None:
    found = compiled("user:alice")
    cut = {"term": {"tallyman.long": "user.name"}}
    assert found.least == {"bool": {"filter": [{"term": {"user.name": "alice"}}], "must_not": [cut]}}
    assert found.most["bool"]["should"] == [{"term": {"user.name": "alice"}}, cut]
    assert found.doubts == (cut,)
    assert compiled("not user:alice").most == {"bool": {"must_not": [found.least]}}


def test_what_stands_below_an_object_of_a_free_record_is_sought_in_the_events() -> None:
    found = compiled("requestObject.spec:true")
    inner = {"term": {"tallyman.inner": flat("spec")}}
    anywhere = {"term": {"kubernetes.audit.requestObject": "true"}}
    assert {"bool": {"filter": [inner, anywhere]}} in found.doubts
    assert {"prefix": {"tallyman.long": flat("spec") + "."}} in found.doubts[1]["bool"]["should"]
    there = clean("requestObject.spec:*")
    assert inner in there["bool"]["should"]


def test_values_are_looked_through_where_the_index_can_not_compare_them() -> None:
    asked: list[str] = []

    def values(field: str) -> list[Any]:
        asked.append(field)
        return [101, 200, 204]

    assert clean(Like(resolve("code"), "20*"), values) == {"terms": {"http.response.status_code": [200, 204]}}
    assert clean("requestObject.spec.n >= 150", values) == {"terms": {flat("spec.n"): [200, 204]}}
    assert asked == ["http.response.status_code", flat("spec.n")]
    assert clean(Like(resolve("code"), "7*"), values) == NOTHING


def test_too_many_values_leave_it_to_the_events() -> None:
    found = compiled(Like(resolve("code"), "20*"))
    assert found.query == NOTHING
    assert {"exists": {"field": "http.response.status_code"}} in found.doubts


def test_one_element_meets_all_of_a_nested_condition_so_the_events_decide() -> None:
    found = compiled("requestObject.spec.containers:{ name:c7 and not image:x }")
    assert found.query == NOTHING and not found.exact
    assert {"term": {flat("spec.containers.name"): "c7"}} in found.most["bool"]["should"]


def test_an_ipv4_address_written_as_ipv6_is_asked_for() -> None:
    found = compiled("ip:10.0.0.0/8")
    network = {"term": {"source.ip": "10.0.0.0/8"}}
    assert {"bool": {"filter": [network, {"prefix": {"source.ip.keyword": "::ffff:"}}]}} in found.doubts
    assert compiled('ip:"::/0"').most["bool"]["should"][0] == {"exists": {"field": "source.ip"}}


def test_native_fields_are_sought_below_every_root() -> None:
    fields = {"kubernetes.audit.verb": "get", "tallyman.record.verb": "get"}
    assert clean("native.verb:get") == {
        "bool": {
            "should": [{"term": {name: value}} for name, value in fields.items()],
            "minimum_should_match": 1,
        }
    }


def test_no_search_is_deeper_or_longer_than_servers_take() -> None:
    deep: Query = Equal(resolve("user"), "a")
    for number in range(60):
        deep = Or((Not(And((deep, Equal(resolve("ns"), str(number))))), Like(resolve("pod"), "a*")))
    many = Or(tuple(Like(resolve("user"), f"a?{number}") for number in range(2000)))
    for query in (deep, many):
        found = compiled(query)
        assert size(found.most)[0] <= MOST_DEPTH and size(found.most)[1] <= MOST_CLAUSES
        assert not found.exact
    assert size(clean(Or(tuple(Equal(resolve("user"), str(number)) for number in range(2000)))))[1] == 1


def test_a_pattern_that_would_need_too_large_an_automaton_is_left_to_the_events() -> None:
    assert compiled(Like(resolve("user"), "*a" + "?" * 20)).query == NOTHING
    assert compiled(Like(resolve("user"), "x" * 5000 + "*")).query == {"prefix": {"user.name": "x" * 5000}}
