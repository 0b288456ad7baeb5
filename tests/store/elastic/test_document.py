"""No record can be such that the server refuses its event, and each event can be made again of its document."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_model.event import Event, Origin, Record, identity
from event_model.fields import document as shown
from store.block import Entry
from store.elastic.bulk import Bulk, Fate
from store.elastic.client import connect
from store.elastic.document import Documents
from store.elastic.hits import entry_of
from store.elastic.mapping import events, properties
from store.elastic.names import Names
from tallyman.normalizer import Normalizer
from tests.services.cluster import Cluster
from tests.tallyman.world import NOON, raw

NOW = "2026-11-23T12:00:00.000Z"
DOCUMENTS = Documents(properties(events())["properties"], Names("default"))
NORMALIZE = Normalizer()
FORMATS = (
    "kubernetes_audit", "docker_events", "json", "cri_log", "docker_json_log", "gke_audit", "eks_audit", "aks_audit",
)  # fmt: skip


def entry(record: bytes, format: str, reason: str = "") -> Entry:
    origin = Origin("audit", format, "/var/log/a.log", "prod", "file", "node-1")
    return Entry("20261123-000", 7, Record(record, 42), origin, NOON + 0.123456, reason)


def made(of: Entry) -> tuple[Event, dict[str, Any]]:
    event = NORMALIZE(of)
    document = DOCUMENTS.make(of, event, NOW)
    assert b"\n" not in document.source and document.id == identity(event)
    return event, orjson.loads(document.source)


# what JSON may hold, and servers do not like
names = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", ".", "a.b", "..", " ", "a\0b", "n" * 300, "n" * 33_000, "user", "@timestamp", "event", "é" * 9000]),
)  # fmt: skip
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20), st.sampled_from(["x" * 40_000, "\0", "\U0001f600" * 9000, "300.1.2.3", "9999-99-99"]),
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


def deep(levels: int) -> Any:
    found: Any = {"x": 1}
    for _ in range(levels):
        found = {"a": [found]}
    return found


bodies = values | st.integers(10, 90).map(deep)


@st.composite
def records(draw: st.DrawFn) -> tuple[str, bytes]:
    format = draw(st.sampled_from(FORMATS))
    parts = {
        "user": draw(st.none() | bodies | st.fixed_dictionaries({"username": leaves, "extra": bodies})),
        "objectRef": draw(bodies), "sourceIPs": draw(bodies), "annotations": draw(bodies), "requestURI": draw(leaves),
        "requestObject": draw(bodies), "responseObject": draw(bodies), "responseStatus": draw(bodies),
        "stageTimestamp": draw(leaves), "userAgent": draw(leaves),
    }  # fmt: skip
    native = json.loads(raw(draw(st.integers(0, 9))))
    chosen = draw(st.sets(st.sampled_from(sorted(parts)), max_size=4))
    native |= {name: parts[name] for name in chosen}
    match format:
        case "docker_events":
            attributes = draw(st.dictionaries(names, leaves, max_size=4) | bodies)
            whole = {
                "Type": "container",
                "Action": "start",
                "timeNano": draw(leaves),
                "Actor": {"ID": "x", "Attributes": attributes},
            }
        case "json":
            whole = draw(st.dictionaries(names, bodies, max_size=4) | st.just(native))
        case "cri_log":
            return format, b"2026-11-23T12:00:00Z stdout F " + draw(st.binary(max_size=50))
        case "docker_json_log":
            whole = {"log": draw(leaves), "stream": draw(leaves), "time": draw(leaves), "attrs": draw(bodies)}
        case "gke_audit":
            payload = {
                "methodName": "io.k8s.core.v1.pods.create", "resourceName": "core/v1/namespaces/a/pods/b",
                "request": parts["requestObject"], "response": parts["responseObject"], "authenticationInfo": parts["user"],
            }  # fmt: skip
            whole = {
                "protoPayload": payload,
                "timestamp": parts["stageTimestamp"],
                "resource": {"type": draw(st.sampled_from(["k8s_cluster", "gce"]))},
            }
        case "aks_audit":
            whole = {
                "category": "kube-audit",
                "properties": {"log": json.dumps(native)},
                "time": parts["stageTimestamp"],
            }
        case _:
            whole = native
    text = json.dumps(whole)
    if draw(st.booleans()):
        text = text.replace("1", "\\ud800", 1) if '"' in text else text
    return format, text.encode("utf-8", "surrogatepass") if draw(st.booleans()) else text.encode() + draw(
        st.sampled_from([b"", b"\xff", b" "])
    )


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(given_records=st.lists(records(), min_size=1, max_size=8))
def test_no_record_makes_a_document_that_is_refused(
    cluster: Cluster, given_records: list[tuple[str, bytes]]
) -> None:
    documents = Documents(properties(events())["properties"], cluster.names)
    bulk = Bulk(connect(cluster.connection, retries=0), cluster.connection)
    entries = [entry(record, format) for format, record in given_records]
    verdicts = bulk.send([documents.make(each, NORMALIZE(each), NOW) for each in entries])
    refused = [
        (verdict, each.record.raw[:300])
        for verdict, each in zip(verdicts, entries, strict=True)
        if verdict.fate not in (Fate.TAKEN, Fate.KNOWN)
    ]
    assert refused == []


@settings(max_examples=100, deadline=None)
@given(record=records())
def test_an_event_is_made_again_of_its_document(record: tuple[str, bytes]) -> None:
    of = entry(record[1], record[0])
    event, document = made(of)
    again = entry_of(document)
    assert (again.record, again.origin, again.received, again.reason) == (
        of.record,
        of.origin,
        of.received,
        of.reason,
    )
    assert shown(NORMALIZE(again)) == shown(event)


def test_a_dead_letter_is_made_again_with_its_reason() -> None:
    of = entry(b"\xff\xfe no JSON", "kubernetes_audit", "not JSON")
    event, document = made(of)
    assert (
        document["event"]["kind"] == "pipeline_error"
        and document["data_stream"]["dataset"] == "tallyman.dead_letters"
    )
    assert entry_of(document).record.raw == of.record.raw and "raw" in document["tallyman"]
    assert shown(NORMALIZE(entry_of(document))) == shown(event)


def test_a_document_holds_what_the_mapping_knows_and_nothing_else() -> None:
    record = raw(1, requestObject={"spec": {"hostNetwork": True}}, unheard=1, annotations={"a.b/c": "d"})
    _, document = made(entry(record, "kubernetes_audit"))
    known = {*events(), "data_stream.type", "data_stream.dataset", "data_stream.namespace"}

    def names(value: dict[str, Any], above: str = "") -> set[str]:
        found = set()
        for name, item in value.items():
            whole = f"{above}{name}"
            found |= names(item, f"{whole}.") if isinstance(item, dict) and whole not in known else {whole}
        return found

    assert names(document) <= known
    audit = document["kubernetes"]["audit"]
    assert audit["requestObject"] == {"spec": {"hostNetwork": True}} and audit["annotations"] == {
        "a.b/c": "d"
    }
    assert document["tallyman"]["inner"] == ["kubernetes.audit.requestObject.spec"]
    assert document["tallyman"]["words"]["message"].startswith("user 1 ")


def test_a_record_that_claims_fields_of_ours_stands_below_a_name_of_its_own() -> None:
    claims = {
        "user": {"name": "root"},
        "event": {"kind": "alert"},
        "@timestamp": "2026-11-23T12:00:00Z",
        "tallyman": {"id": "x"},
    }
    _, document = made(entry(json.dumps(claims).encode(), "json"))
    assert (
        "user" not in document
        and document["event"]["kind"] == "event"
        and len(document["tallyman"]["id"]) == 40
    )
    assert document["tallyman"]["record"] == claims
    assert document["data_stream"]["dataset"] == "tallyman.other"


@pytest.mark.parametrize(
    ("stamp", "shown_as"),
    [
        ("2016-12-31T23:59:60Z", "1970-01-01T00:00:00Z"),  # what the format makes of a leap second
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
        ("yesterday", "1970-01-01T00:00:00Z"),
        (None, "1970-01-01T00:00:00Z"),
    ],
)
def test_every_document_has_a_time_that_servers_understand(stamp: str | None, shown_as: str) -> None:
    record = raw(1, stageTimestamp=stamp, requestReceivedTimestamp=stamp)
    assert made(entry(record, "kubernetes_audit"))[1]["@timestamp"] == shown_as


def test_long_values_are_named() -> None:
    long = "x" * 1025
    _, document = made(entry(raw(1, userAgent=long, requestObject={"a": {"b": long}}), "kubernetes_audit"))
    assert set(document["tallyman"]["long"]) >= {
        "user_agent.original",
        "kubernetes.audit.userAgent",
        "kubernetes.audit.requestObject",
    }
