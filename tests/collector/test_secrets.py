"""Secret values are replaced, names and everything else stay."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector import secrets
from collector.formats.kubernetes_audit import Format
from event_model.event import Event, Record
from tests.collector.kubernetes.acts import ORIGIN, act, raw

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyb2JvdCJ9.c2lnbmF0dXJl"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def kept(verb: str = "create", resource: str = "secrets", **more: Any) -> dict[str, Any]:
    """What is left of a record; it must tell of the same event, under the same hash."""
    record = Record(raw(act(verb, resource, **more)), 7)
    event = Format().normalize(record, ORIGIN)
    left = Format().redact(record, event)
    again = Format().normalize(left, ORIGIN)
    assert (left.hash(), left.offset) == (record.hash(), 7)
    assert _without_bodies(again) == _without_bodies(event)
    assert Format().redact(left, again) is left
    whole: dict[str, Any] = json.loads(left.raw)
    return whole


def _without_bodies(event: Event) -> list[Any]:
    names = set(Event.__struct_fields__) - {"record", "native", "url", "args", "command_line"}
    return [getattr(event, name) for name in sorted(names)]


def test_values_of_secrets_and_config_maps_are_replaced_and_their_names_kept() -> None:
    body = {
        "data": {"a": "eA==", "b": None},
        "stringData": {"c": "x"},
        "binaryData": {"d": "eA=="},
        "type": "Opaque",
    }
    for resource in ("secrets", "configmaps"):
        left = kept(resource=resource, requestObject=body, responseObject=body)
        gone = {"data": {"a": "[redacted]", "b": None}, "stringData": {"c": "[redacted]"}}
        wanted = {**gone, "binaryData": {"d": "[redacted]"}, "type": "Opaque"}
        assert left["requestObject"] == left["responseObject"] == wanted


def test_lists_patches_and_applied_copies_of_secrets_are_replaced_too() -> None:
    one = {
        "metadata": {"name": "a", "annotations": {APPLIED: '{"data":{"a":"x"}}', "other": "y"}},
        "data": {"a": "x"},
    }
    left = kept("list", responseObject={"kind": "SecretList", "items": [one]})["responseObject"]["items"][0]
    assert left["metadata"]["annotations"] == {APPLIED: "[redacted]", "other": "y"}
    assert left["data"] == {"a": "[redacted]"}
    steps = [
        {"op": "add", "path": "/data/a", "value": "x"},
        {"op": "replace", "path": "/stringData", "value": {"b": "y"}},
        {"op": "replace", "path": "", "value": {"data": {"c": "z"}}},
        {"op": "add", "path": "/metadata/labels", "value": {"d": "e"}},
    ]
    left = kept("patch", requestObject=steps)["requestObject"]
    values = ["[redacted]", {"b": "[redacted]"}, {"data": {"c": "[redacted]"}}, {"d": "e"}]
    assert [step["value"] for step in left] == values


def test_tokens_that_are_issued_or_reviewed_are_replaced() -> None:
    answer = {"kind": "TokenRequest", "status": {"token": "opaque", "expirationTimestamp": "t"}}
    left = kept(resource="serviceaccounts", name="robot", subresource="token", responseObject=answer)
    assert left["responseObject"]["status"] == {"token": "[redacted]", "expirationTimestamp": "t"}
    left = kept(resource="tokenreviews", requestObject={"spec": {"token": "opaque"}})
    assert left["requestObject"] == {"spec": {"token": "[redacted]"}}


def test_literal_credentials_in_variables_are_replaced() -> None:
    env = [
        {"name": "DB_PASSWORD", "value": "x"},
        {"name": "MODE", "value": "fast"},
        {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}},
    ]
    body = {"spec": {"template": {"spec": {"containers": [{"image": "a", "env": env}]}}}}
    left = kept(resource="deployments", name="web", requestObject=body)["requestObject"]
    assert left["spec"]["template"]["spec"]["containers"][0]["env"] == [
        {**env[0], "value": "[redacted]"},
        *env[1:],
    ]


def test_an_applied_copy_in_an_annotation_is_cleaned_as_well() -> None:
    copy = json.dumps({"spec": {"containers": [{"env": [{"name": "SECRET_KEY", "value": "hunter2"}]}]}})
    body = {"metadata": {"annotations": {APPLIED: copy}}, "spec": {"containers": []}}
    left = kept(resource="pods", name="a", requestObject=body)["requestObject"]
    assert "hunter2" not in json.dumps(left)
    assert "SECRET_KEY" in json.dumps(left)


@pytest.mark.parametrize("value", [JWT, PEM, f"Authorization: Bearer {JWT}", "Bearer abcdefghijklmnop"])
def test_tokens_and_keys_are_replaced_wherever_they_stand(value: str) -> None:
    body = {"spec": {"containers": [{"image": "a", "args": ["--header", f"x {value} y"]}]}}
    left = kept(resource="pods", name="a", requestObject=body)["requestObject"]["spec"]["containers"][0][
        "args"
    ]
    assert left[0] == "--header"
    assert "[redacted]" in left[1]
    assert value not in left[1]
    assert left[1].startswith("x ")
    assert left[1].endswith(" y")


@pytest.mark.parametrize(
    ("uri", "left"),
    [
        ("/api/v1/x?token=abc&a=b", "/api/v1/x?token=[redacted]&a=b"),
        ("/x?a=b&Password=abc", "/x?a=b&Password=[redacted]"),
        ("/x?container=c&labelSelector=app%3Dtokens", "/x?container=c&labelSelector=app%3Dtokens"),
        (f"/x?a={JWT}", "/x?a=[redacted]"),
        (
            "/x?command=mysql&command=-phunter2&container=c",
            "/x?command=mysql&command=-p[redacted]&container=c",
        ),
        (
            "/x?command=login&command=--password&command=hunter2",
            "/x?command=login&command=--password&command=[redacted]",
        ),
        ("/x?command=ls&command=%2Fetc%2Fsecrets", "/x?command=ls&command=%2Fetc%2Fsecrets"),
    ],
)
def test_credentials_in_addresses_are_replaced(uri: str, left: str) -> None:
    record = kept("get", "pods", name="a", subresource="exec", requestURI=uri)
    assert record["requestURI"] == left


def test_an_ordinary_record_stays_the_very_same() -> None:
    for more in (
        {},
        {"requestObject": {"spec": {"tokens": 3}}},
        {"requestURI": "/x?resourceVersion=1&watch=true"},
    ):
        record = Record(raw(act("update", "pods", name="a", **more)))
        assert Format().redact(record, Format().normalize(record, ORIGIN)) is record


def test_a_body_with_equal_names_keeps_no_hidden_value() -> None:
    line = raw(act("create", "secrets", name="a"))[:-1] + (
        b',"requestObject":{"data":{"a":"one"}},"requestObject":{"data":{"a":"two","a":"three"}}}'
    )
    record = Record(line)
    left = Format().redact(record, Format().normalize(record, ORIGIN)).raw
    assert not any(value in left for value in (b"one", b"two", b"three"))


def test_a_broken_record_loses_its_secrets_and_stays_broken() -> None:
    line = raw(act("create", "secrets", name="a", requestObject={"data": {"a": "c2VjcmV0"}})).replace(
        b"kubectl", b"\xff\xfe"
    )
    record = Record(line)
    event = Format().normalize(record, ORIGIN)
    left = Format().redact(record, event)
    assert b"c2VjcmV0" not in left.raw
    assert Format().normalize(left, ORIGIN).labels == event.labels == {"malformed": "encoding"}


def test_dead_letters_lose_whatever_looks_like_a_credential() -> None:
    cut = raw(act("create", "secrets", name="a", requestObject={"data": {"a": "c2VjcmV0"}, "type": "Opaque"}))
    found = secrets.redact_text(cut[: cut.index(b"c2VjcmV0") + 4])
    assert b"c2Vj" not in found
    inside = json.dumps({"properties": {"log": cut.decode()}}).encode()
    assert b"c2VjcmV0" not in secrets.redact_text(inside)
    for line in (
        f'{{"a": "{JWT}',
        'x "password": "hunter2", y',
        '{"name":"DB_PASSWORD","value":"hunter2"}',
        PEM,
    ):
        found = secrets.redact_text(line.encode())
        assert b"[redacted]" in found
        assert b"hunter2" not in found
        assert b"MIIEow" not in found
    assert secrets.redact_text(b"an ordinary line") == b"an ordinary line"


@settings(max_examples=60, deadline=None)
@given(st.binary())
def test_any_bytes_can_be_looked_through(line: bytes) -> None:
    secrets.redact_text(line)
