"""AKS records as Event Hub, blobs and Log Analytics hold them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.documents import Documents
from collector.formats.aks_audit import Format
from event_model.errors import Unreadable
from event_model.event import Origin, Record
from event_model.fields import document
from tests.collector.kubernetes.acts import act, raw

ORIGIN = Origin("test", "aks_audit")
AUDIT = act("get", "secrets", name="db", namespace="shop")
RESOURCE = (
    "/SUBSCRIPTIONS/00-01/RESOURCEGROUPS/SHOP/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/PROD"
)


def entry(log: Any, category: str = "kube-audit", **more: Any) -> dict[str, Any]:
    whole = {
        "category": category,
        "resourceId": RESOURCE,
        "properties": {"log": log, "pod": "kube-apiserver-1"},
    }
    return {"operationName": "x", **whole, "time": "2026-11-02T09:00:00.0000000Z", **more}


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


SHAPES = {
    "an envelope with the log as text": text({"records": [entry(raw(AUDIT).decode() + "\n")]}),
    "a byte-order mark in front": b"\xef\xbb\xbf" + text({"records": [entry(raw(AUDIT).decode() + "\n")]}),
    "the log as an object": text({"records": [entry(AUDIT)]}),
    "properties as text": text(entry(None, properties=json.dumps({"log": raw(AUDIT).decode()}))),
    "a record alone": text(entry(AUDIT, category="kube-audit-admin")),
    "a list of envelopes": text([{"records": [entry(AUDIT)]}]),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_every_shape_holds_the_same_event(shape: bytes) -> None:
    (item,) = Format().split(shape)
    event = Format().normalize(Record(item), ORIGIN)
    assert event.message == "alice@example.com read secret shop/db"
    assert (event.cluster, event.account, event.cloud, event.provider) == ("prod", "00-01", "azure", "aks")
    assert (event.cluster_id, event.labels) == (RESOURCE, None)


def test_a_record_alone_keeps_all_its_bytes() -> None:
    for line in (SHAPES["a record alone"], b"\xef\xbb\xbf" + SHAPES["a record alone"], raw(AUDIT)):
        assert list(Format().split(line)) == [line]


def test_items_keep_their_own_bytes() -> None:
    item = text(entry(AUDIT))
    assert list(Format().split(b'{"records": [ ' + item + b" , " + item + b"]}\n")) == [item, item]


def test_a_bare_event_reads_as_one_of_an_unknown_cluster() -> None:
    event = Format().normalize(Record(raw(AUDIT)), ORIGIN)
    assert (event.action, event.provider, event.cluster) == ("get", "aks", None)


def test_a_row_of_the_table_reads_as_the_event_it_was_made_of() -> None:
    row = {
        "TimeGenerated": "2026-11-02T09:41:00Z",
        "AuditId": "a",
        "Level": "Metadata",
        "Stage": "ResponseComplete",
        "RequestUri": "/api/v1/namespaces/shop/secrets/db?token=opaque",
        "Verb": "get",
        "User": json.dumps({"username": "bob", "groups": ["x"]}),
        "SourceIps": ["203.0.113.7"],
        "ObjectRef": {"resource": "secrets", "namespace": "shop", "name": "db", "apiVersion": "v1"},
        "ResponseStatus": {"code": 200},
        "_ResourceId": "/subscriptions/1/providers/microsoft.containerservice/managedclusters/Prod",
    }
    record = Record(text(row))
    event = Format().normalize(record, ORIGIN)
    assert (event.message, event.cluster) == ("bob read secret shop/db", "Prod")
    assert (event.timestamp, event.labels) == ("2026-11-02T09:41:00Z", None)
    left = Format().redact(record, event)
    assert b"opaque" not in left.raw
    assert Format().normalize(left, ORIGIN).message == event.message


def test_a_body_that_azure_left_out_is_noted() -> None:
    audit = act("create", "pods", name="a", requestObject="skipped-too-big-size-object")
    assert Format().normalize(Record(text(entry(audit))), ORIGIN).labels == {"truncated": "true"}


def test_the_envelope_s_time_stands_in_for_a_missing_one() -> None:
    bare = {key: value for key, value in AUDIT.items() if not key.endswith("Timestamp")}
    assert Format().normalize(Record(text(entry(bare))), ORIGIN).timestamp == "2026-11-02T09:00:00.0000000Z"


def test_other_logs_of_the_same_setting_are_events_of_their_own() -> None:
    event = Format().normalize(Record(text(entry("I1102 hello\n", category="kube-scheduler"))), ORIGIN)
    assert (event.dataset, event.message) == ("azure.platformlogs", "kube-scheduler logged: I1102 hello")
    assert event.cluster == "prod"
    assert document(event)["azure"]["platformlogs"]["category"] == "kube-scheduler"
    assert Format().redact(event.record, event) is event.record


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (text(entry(raw(AUDIT).decode()[:99])), "cut off"),
        (text(entry(None)), "properties.log is missing"),
        (text({"category": "kube-audit"}), "no audit event"),
        (b"text", "no JSON"),
    ],
)
def test_what_is_no_audit_event_is_refused_with_its_reason(line: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        Format().normalize(Record(line), ORIGIN)


@pytest.mark.parametrize("shape", SHAPES.keys())
def test_a_secret_is_replaced_in_every_shape(shape: str) -> None:
    audit = act("create", "secrets", name="db", requestObject={"data": {"a": "c2VjcmV0"}})
    whole = SHAPES[shape].replace(text(raw(AUDIT).decode())[1:-1], text(raw(audit).decode())[1:-1])
    whole = whole.replace(text(AUDIT), text(audit)).replace(
        text(text(AUDIT).decode())[1:-1], text(text(audit).decode())[1:-1]
    )
    inner = json.dumps(json.dumps({"log": raw(AUDIT).decode()})).encode()
    whole = whole.replace(inner, json.dumps(json.dumps({"log": raw(audit).decode()})).encode())
    assert b"c2VjcmV0" in whole
    (item,) = Format().split(whole)
    event = Format().normalize(Record(item), ORIGIN)
    left = Format().redact(Record(item), event)
    assert b"c2VjcmV0" not in left.raw
    again = Format().normalize(left, ORIGIN)
    assert (again.message, again.cluster, again.labels) == (event.message, event.cluster, event.labels)
    assert Format().redact(left, again).raw == left.raw


@pytest.mark.parametrize(
    "name", ["event.json", "sample_EventHubs_event.json", "sample_KubeAuditLog_event.json"]
)
def test_records_of_others_read_without_a_complaint(name: str, shared_data: Callable[[str], Path]) -> None:
    joiner, documents = Documents(), []
    for line in shared_data(f"aks/{name}").read_bytes().splitlines():
        documents += joiner.feed(0, line)
    for _, whole in documents + joiner.flush():
        for item in Format().split(whole):
            event = Format().normalize(Record(item), ORIGIN)
            assert (event.dataset, event.labels) == ("kubernetes.audit_logs", None)
