from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest
from msgspec import Raw, Struct
from msgspec.structs import replace

from event_model.event import Event, Origin, Record
from event_model.fields import (
    FIELDS,
    address,
    agent_name,
    agent_version,
    document,
    image_digest,
    image_name,
    image_tag,
    native,
    nest,
    plain,
)


class Native(Struct):
    verb: str = "create"
    body: Raw = Raw(b"{}")


EVENT = Event(
    Record(b'{"a": "\xff"}', 7), Origin("audit", "kubernetes_audit", "/var/log/a.log", "prod"), Native(),
    lambda event: "alice did it", "2026-11-02T10:00:00Z", "kubernetes.audit_logs", module="kubernetes",
    user_name="alice", source_ip="10.0.0.9", user_agent="kubectl/v1.35.4 (linux/amd64)", namespace="shop",
    images=("registry:5000/app:1.2@sha256:ab", "nginx"), url="/api/v1/pods?dryRun=All&x=a%20b", native_name="kubernetes.audit",
)  # fmt: skip


def body(text: bytes) -> Event:
    return replace(EVENT, native=Native(body=Raw(text)))


@pytest.mark.parametrize(
    ("image", "name", "tag", "digest"),
    [
        ("nginx", "nginx", "", ""),
        ("nginx:1.27", "nginx", "1.27", ""),
        ("registry:5000/app", "registry:5000/app", "", ""),
        ("registry:5000/team/app:1.2@sha256:ab", "registry:5000/team/app", "1.2", "sha256:ab"),
        ("app@sha256:ab", "app", "", "sha256:ab"),
    ],
)
def test_an_image_has_name_tag_and_digest(image: str, name: str, tag: str, digest: str) -> None:
    assert (image_name(image), image_tag(image), image_digest(image)) == (name, tag, digest)


@pytest.mark.parametrize(
    ("text", "found"),
    [("10.0.0.9", "10.0.0.9"), ("::1", "::1"), ("2001:DB8::0", "2001:db8::"), ("web", None), ("", None), (None, None), ("1" * 100, None)],
)  # fmt: skip
def test_only_an_address_is_one(text: str | None, found: str | None) -> None:
    assert address(text) == found


def test_a_client_has_name_and_version() -> None:
    assert (agent_name(EVENT.user_agent), agent_version(EVENT.user_agent)) == ("kubectl", "v1.35.4")
    assert (agent_name("curl"), agent_version("curl")) == ("curl", None)
    assert (agent_name(None), agent_version(None)) == (None, None)


def test_names_with_dots_become_objects_in_objects() -> None:
    assert nest({"a.b": 1, "a.c.d": 2, "e": 3}) == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
    assert nest({"a": 1, "a.b": 2}) == {"a": {"b": 2}}


def test_a_document_has_ecs_names_and_nothing_empty() -> None:
    made = document(EVENT)
    assert made["event"] == {
        "kind": "event", "module": "kubernetes", "dataset": "kubernetes.audit_logs", "outcome": "unknown", "hash": EVENT.record.hash(),
    }  # fmt: skip
    assert made["user"] == {"name": "alice"}
    assert made["container"]["image"] == {
        "name": ["registry:5000/app", "nginx"],
        "tag": ["1.2"],
        "hash": {"all": ["sha256:ab"]},
    }
    assert made["url"] == {"original": EVENT.url, "path": "/api/v1/pods", "query": "dryRun=All&x=a b"}
    assert made["kubernetes"]["audit"] == {"verb": "create", "body": {}}
    assert made["log"] == {"file": {"path": "/var/log/a.log"}, "offset": 7}
    assert not [each for each in _leaves(made) if each in (None, "", [], ())]


def test_a_document_holds_the_record_only_when_asked_for() -> None:
    assert "original" not in document(EVENT)["event"]
    assert document(EVENT, raw=True)["event"]["original"] == '{"a": "\ufffd"}'


def test_every_field_can_be_read_from_an_event_that_knows_nothing() -> None:
    bare = Event(Record(b""), Origin("audit", ""), {}, lambda event: "", "2026-11-02T10:00:00Z", "x")
    assert [field.name for field in FIELDS.values() if isinstance(field.read(bare), Exception)] == []
    assert orjson.dumps(document(bare))


@pytest.mark.parametrize("deep", [100, 240, 260, 1000, 5000])
def test_a_document_can_be_written_however_deep_its_record_is(deep: int) -> None:
    made = document(body(b'{"a":' * deep + b"1" + b"}" * deep))
    assert orjson.dumps({"alerts": [made]})
    assert ("body" in made["kubernetes"]["audit"]) == (deep < 245)


@pytest.mark.parametrize("number", [b"9" * 30, b"-" + b"9" * 30, b"1e400", b"9" * 4000])
def test_a_document_can_be_written_whatever_numbers_its_record_holds(number: bytes) -> None:
    assert orjson.dumps(document(body(b'{"n":' + number + b"}")))


def test_a_number_beyond_64_bits_is_about_what_it_was() -> None:
    assert plain({"n": 10**40, "m": 1 << 63}) == {"n": 1e40, "m": 1 << 63}
    assert native(body(b'{"n": 18446744073709551616}'))["body"] == {"n": pytest.approx(1.8446744073709552e19)}


def test_the_native_record_is_what_its_format_decoded() -> None:
    assert native(EVENT) == msgspec.to_builtins({"verb": "create", "body": {}})


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict) and value:
        return [leaf for each in value.values() for leaf in _leaves(each)]
    return [value] if value != {} else []
