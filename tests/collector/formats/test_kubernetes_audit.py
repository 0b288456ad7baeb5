"""Records of kube-apiserver's own log."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.formats.kubernetes_audit import Format
from event_model.errors import Unreadable
from event_model.event import Origin, Record
from event_model.fields import document
from tests.collector.kubernetes.acts import act, raw

ORIGIN = Origin("test", "kubernetes_audit")


def test_a_line_is_its_own_only_record() -> None:
    line = raw(act("get", "pods"))
    assert list(Format().split(line)) == [line]


def test_an_event_list_is_opened_and_its_items_keep_their_bytes() -> None:
    item = b'{"kind": "Event",  "auditID":"a"}'
    start = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['
    assert list(Format().split(start + item + b"," + item + b"]}")) == [item, item]
    assert list(Format().split(b'{"items":[' + item + b'],"kind":"EventList"}')) == [item]
    assert list(Format().split(b"[" + item + b"]")) == [item]
    pretty = json.dumps({"kind": "EventList", "items": [act("get", "pods")]}, indent=4).encode()
    (found,) = Format().split(b"\xef\xbb\xbf" + pretty)
    assert Format().normalize(Record(found), ORIGIN).action == "get"


def test_an_event_list_that_is_cut_off_is_refused() -> None:
    with pytest.raises(Unreadable, match="cut off"):
        list(Format().split(b'{"kind":"EventList","items":[{"a":1},{"b'))


def test_one_deep_body_does_not_hide_the_other_events_of_a_list() -> None:
    deep = raw(act("create", "widgets")).replace(
        b'"code":200}', b'"code":201},"requestObject":' + b"[" * 5_000 + b"]" * 5_000
    )
    line = b'{"kind":"EventList","items":[' + deep + b"," + raw(act("get", "pods")) + b"]}"
    first, second = (Format().normalize(Record(item), ORIGIN) for item in Format().split(line))
    assert (first.action, first.status_code, first.labels) == ("create", 201, {"malformed": "requestObject"})
    assert second.labels is None
    assert document(first)["event"]["action"] == "create"


def test_records_of_v1beta1_read_the_same() -> None:
    beta = {
        **act("get", "pods", name="a"),
        "apiVersion": "audit.k8s.io/v1beta1",
        "timestamp": "x",
        "metadata": {},
    }
    event = Format().normalize(Record(raw(beta)), ORIGIN)
    assert (event.action, event.resource_name, event.labels) == ("get", "a", None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "empty"),
        (b"plain text", "no JSON"),
        (b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Meta', "cut off"),
        (b"[]", "no JSON object"),
        (b"{}", "no audit event"),
        (b'{"kind":"Event","apiVersion":"v1","reason":"Scheduled"}', "no audit event"),
        (b'{"log":"x\\n","stream":"stdout","time":"2026-11-02T09:00:00Z"}', "no audit event"),
    ],
)
def test_what_is_no_audit_event_is_refused_with_its_reason(line: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        Format().normalize(Record(line), ORIGIN)
    brief = Format().peek(line)
    assert brief is None


def test_a_peek_tells_what_the_whole_would() -> None:
    more = {
        "name": "a",
        "namespace": "p",
        "apiGroup": "g",
        "subresource": "exec",
        "impersonatedUser": {"username": "b"},
    }
    brief = Format().peek(raw(act("create", "pods", code=403, **more)))
    assert brief is not None
    assert brief.user is not None
    assert brief.objectRef is not None
    assert brief.responseStatus is not None
    assert brief.impersonatedUser is not None
    assert (brief.verb, brief.stage, brief.userAgent) == (
        "create",
        "ResponseComplete",
        "kubectl/v1.35.4 (linux/amd64)",
    )
    assert (brief.user.username, brief.responseStatus.code) == ("alice@example.com", 403)
    ref = brief.objectRef
    assert (ref.resource, ref.name, ref.namespace, ref.apiGroup, ref.subresource) == (
        "pods",
        "a",
        "p",
        "g",
        "exec",
    )


def test_a_peek_at_something_odd_leaves_it_to_the_whole() -> None:
    assert Format().peek(raw({**act("get", "pods"), "verb": 5})) is None
    assert Format().peek(raw(act("", "pods"))) is None
    assert Format().peek(raw({"kind": "Event", "verb": "get"})) is None


@pytest.mark.parametrize("name", ["control_plane_odd.jsonl.gz", "perfspec.jsonl.gz", "audit2rbac-demo.jsonl"])
def test_records_of_others_read_without_a_complaint(name: str, shared_data: Callable[[str], Path]) -> None:
    data = shared_data(f"kubernetes/{name}").read_bytes()
    lines = (gzip.decompress(data) if name.endswith(".gz") else data).splitlines()
    for line in lines[:2000]:
        (item,) = Format().split(line)
        event = Format().normalize(Record(item), ORIGIN)
        assert event.labels is None
        assert event.message.isprintable()
        assert document(event)["@timestamp"] != "1970-01-01T00:00:00Z"


def test_a_day_of_a_real_control_plane_reads_without_a_complaint(shared_data: Callable[[str], Path]) -> None:
    kinds = set()
    with gzip.open(shared_data("kubernetes/control_plane_benign.jsonl.gz")) as lines:
        for number, line in enumerate(lines):
            if number % 20 == 0:
                event = Format().normalize(Record(line.rstrip()), ORIGIN)
                assert event.labels is None
                assert event.message.isprintable()
                kinds.add(event.user_kind)
    assert kinds == {"human", "service_account", "node", "controller", "anonymous"}
