"""EKS records in every wrapping in which CloudWatch Logs delivers them."""

import base64
import gzip
import json
from typing import Any

import pytest

from collector.formats import kubernetes_audit
from collector.formats.eks_audit import Format, cluster_of
from event_model.errors import Unreadable
from event_model.event import Origin, Record
from tests.collector.kubernetes.acts import act, raw

ORIGIN = Origin("test", "eks_audit")
ARN = {"arn": ["arn:aws:sts::111122223333:assumed-role/Dev/alice"], "sessionName": ["alice"]}
AUDIT = act("list", "secrets", user={"username": "alice", "groups": ["dev"], "extra": ARN})
MESSAGE = raw(AUDIT).decode()


def subscription(*messages: str, **more: Any) -> bytes:
    events = [
        {"id": str(number), "timestamp": 1_793_610_000_000, "message": text}
        for number, text in enumerate(messages)
    ]
    whole = {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": "/aws/eks/prod/cluster",
        "logStream": "kube-apiserver-audit-0a1b",
        "logEvents": events,
        **more,
    }
    return json.dumps(whole).encode()


def packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data)).decode()


WRAPPINGS = {
    "a subscription": subscription(MESSAGE, MESSAGE),
    "packed bytes": gzip.compress(subscription(MESSAGE, MESSAGE)),
    "a Lambda event": json.dumps({"awslogs": {"data": packed(subscription(MESSAGE, MESSAGE))}}).encode(),
    "Kinesis records": json.dumps(
        {"Records": [{"kinesis": {"data": packed(subscription(MESSAGE))}}] * 2}
    ).encode(),
    "Firehose records": json.dumps(
        {"requestId": "1", "records": [{"data": packed(subscription(MESSAGE))}] * 2}
    ).encode(),
    "a Firehose object": subscription(MESSAGE) + subscription(MESSAGE),
    "an answer of FilterLogEvents": json.dumps(
        {"events": [{"message": MESSAGE}, {"message": MESSAGE}]}
    ).encode(),
    "a list of log events": json.dumps([{"message": MESSAGE}, {"@message": AUDIT}]).encode(),
    "bare lines in a list": f"[{MESSAGE},{MESSAGE}]".encode(),
}


@pytest.mark.parametrize("wrapped", WRAPPINGS.values(), ids=WRAPPINGS.keys())
def test_every_wrapping_holds_the_same_events(wrapped: bytes) -> None:
    found = [Format().normalize(Record(item), ORIGIN) for item in Format().split(wrapped)]
    assert [(event.message, event.provider, event.cloud, event.account) for event in found] == [
        ("alice listed secrets in all namespaces", "eks", "aws", "111122223333")
    ] * 2


def test_an_item_is_the_log_event_s_own_bytes() -> None:
    item = json.dumps({"id": "1", "message": MESSAGE}).encode()
    whole = b'{"logGroup":"g","logEvents":[ ' + item + b" ]}"
    assert list(Format().split(whole)) == [item]


def test_a_bare_line_is_like_any_cluster_s() -> None:
    line = raw(AUDIT)
    assert list(Format().split(line)) == [line]
    assert Format().peek(line) == kubernetes_audit.Format().peek(line)
    assert Format().peek(subscription(MESSAGE)) is None


def test_the_log_group_names_the_cluster() -> None:
    assert cluster_of("/aws/eks/prod/cluster") == "prod"
    assert cluster_of("/aws/lambda/x") == ""
    for name in ("a subscription", "packed bytes", "a Lambda event", "Firehose records"):
        assert Format().place(WRAPPINGS[name], ORIGIN).cluster == "prod"
    assert Format().place(raw(AUDIT), ORIGIN) is ORIGIN
    configured = Origin("test", "eks_audit", cluster="mine")
    assert Format().place(WRAPPINGS["a subscription"], configured) is configured


def test_a_question_whether_anyone_listens_holds_no_records() -> None:
    assert list(Format().split(subscription("", messageType="CONTROL_MESSAGE"))) == []


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (MESSAGE[:200], "cut off"),
        ("I1102 09:00:00 controller.go:1] x", "another log stream"),
        ("", "another log stream"),
    ],
)
def test_what_is_no_audit_event_is_refused_with_its_reason(message: str, reason: str) -> None:
    (item,) = Format().split(subscription(message))
    with pytest.raises(Unreadable, match=reason):
        Format().normalize(Record(item), ORIGIN)


def test_damaged_wrappings_are_refused() -> None:
    for data in ("no base64", packed(bytes(range(256)))[:40]):
        with pytest.raises(Unreadable):
            list(Format().split(json.dumps({"awslogs": {"data": data}}).encode()))


def test_the_log_event_s_time_stands_in_for_a_missing_one() -> None:
    bare = {key: value for key, value in AUDIT.items() if not key.endswith("Timestamp")}
    (item,) = Format().split(subscription(json.dumps(bare)))
    assert Format().normalize(Record(item), ORIGIN).timestamp.startswith("2026-11-02T")


def test_a_secret_is_replaced_inside_its_wrapping() -> None:
    audit = act("create", "secrets", name="db", requestObject={"data": {"a": "c2VjcmV0"}})
    for item in ({"id": "1", "message": raw(audit).decode()}, {"@message": audit}, audit):
        record = Record(json.dumps(item).encode())
        event = Format().normalize(record, ORIGIN)
        left = Format().redact(record, event)
        assert b"c2VjcmV0" not in left.raw
        assert left.hash() == record.hash()
        assert Format().normalize(left, ORIGIN).message == event.message
