"""Which events a query means."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, Struct

from event_model.event import Event
from store.query import parse
from store.query.globs import glob
from store.query.predicate import predicate
from store.query.values import escape
from tests.store.events import make


def meets(text: str, event: Event, lucene: bool = False) -> bool:
    return predicate(parse(text, lucene=lucene))(event)


class ObjectRef(Struct):
    resource: str = ""


class Audit(Struct):
    verb: str = ""
    objectRef: ObjectRef | None = None
    requestObject: Raw = Raw(b"")
    annotations: dict[str, str] = {}


def audit(body: bytes = b"", **attributes: Any) -> Event:
    """An event whose native record is a Struct with a body that was not parsed."""
    plain = make(dataset="kubernetes.audit_logs", native_name="kubernetes.audit", **attributes)
    annotations = {"authorization.k8s.io/decision": "allow"}
    native = Audit("create", ObjectRef("pods"), Raw(body), annotations)
    return Event(plain.record, plain.origin, native, plain.sentence, plain.timestamp, plain.dataset,
                 native_name=plain.native_name)  # fmt: skip


EVENT = make(
    7,
    "2026-11-23T14:10:27.400908Z",
    "alice@example.com opened a shell in prod/api-7F9c (app): sh -c id",
    action="create",
    user_name="alice@example.com",
    user_kind="human",
    user_groups=["dev", "system:authenticated"],
    source_ip="10.1.2.3",
    namespace="prod",
    resource_type="pods",
    resource_name="api-7F9c",
    subresource="exec",
    status_code=101,
    images=["hub:5000/nginx:1.27", "redis@sha256:abc"],
    interactive=True,
    labels={"truncated": "true"},
    dataset="kubernetes.audit_logs",
)


@pytest.mark.parametrize(
    "text",
    [
        "", "user:alice@example.com", "user:*", "user:al*", "user:*example*", "user:alice@*.com",
        "user:(bob or alice@example.com)", "not user:bob", "verb:create and ns:prod",
        "user.group.name:dev", "group:system*", "group:*",
        "ip:10.1.2.3", "ip:10.0.0.0/8", "ip:10.1.*", "ip >= 10.1.2.3", "ip < 10.1.10.0",
        "code:101", "code > 100", "code <= 101", "code:1*",
        "process.interactive:true", "who:human", "who:people",
        "image:hub:5000/nginx:1.27", "image:redis", "container.image.tag:1.27",
        "resource:pods/exec", "objectRef.subresource:exec", "objectRef.resource:pods",
        "@timestamp:2026-11-23", '@timestamp:"2026-11-23T14:10"', "@timestamp >= 2026-11-23T14:10:27Z",
        "@timestamp < 2026-11-24", 'not @timestamp:"2026-11-23T14:11"',
        "alice shell", '"opened a shell"', "ALICE", "api-7f9c", "prod", '"prod api"', "sh*", "op*ed",
        "message:alice shell", 'message:"API-7F9C (app)"', "message:API-7*", "message:*",
        "message:prod/api-*",
        "labels.truncated:true", "labels:true", "labels:*", "orchestrator.resource.name > api",
        "user:{ name:alice* and group.name:dev }", "*:alice@example.com", "user.*:dev",
        "tallyman.id:*", "log.file.path:/var/log/*", "not kubernetes.pod.name:*", "related.user:alice*",
    ],
)  # fmt: skip
def test_an_event_is_found_by_what_it_is(text: str) -> None:
    assert meets(text, EVENT)


@pytest.mark.parametrize(
    "text",
    [
        "user:Alice@example.com", "user:alice", "user:AL*", "user:*examples*", "not user:*", "not *",
        "verb:create and ns:stage", "group:devs", "ip:10.1.2.4", "ip:11.0.0.0/8", "ip:fd00::/8", "code:404",
        "code > 101", "process.interactive:false", "who:machine", "image:nginx", "image:redis:7",
        "@timestamp:2026-11-22", "@timestamp > 2026-11-23", "bob", '"shell opened"', '"alice opened"',
        "message:alice bob", "message:shel", "message:api-*-x", "labels.other:true", "labels.truncated:false",
        "kubernetes.pod.name:*", "requestObject.spec.hostPID:true", "objectRef.resource:secrets",
        "user:{ name:alice* and group.name:ops }", 'message:"..."', "message:-",
    ],
)  # fmt: skip
def test_an_event_is_not_found_by_what_it_is_not(text: str) -> None:
    assert not meets(text, EVENT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user:/al.*com/", True), ("user:/alice/", False), ("user:/AL.*/", False), ("code:/1../", True),
        ("message:/sh[a-z]+/", True), ("message:/opened a/", False), ("/prod|stage/", True),
        ("user:alic?@*", True), ("user:alice?@*", False), ("ns:[p TO q]", True), ("ns:{prod TO q]", False),
        ("group:/dev/", True), ("_exists_:pod", False), ("user:/(a*)*b/", False),
    ],
)  # fmt: skip
def test_lucene_has_expressions_of_its_own(text: str, expected: bool) -> None:
    assert meets(text, EVENT, lucene=True) is expected


BODY = b"""{"metadata": {"labels": {"app.kubernetes.io/name": "shop"}},
  "spec": {"hostPID": true, "replicas": 3, "containers": [
    {"name": "app", "image": "nginx:1", "securityContext": {"privileged": true}, "args": ["-c", "id"]},
    {"name": "side", "image": "redis:2", "securityContext": {"privileged": false}}]}}"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("requestObject.spec.hostPID:true", True),
        ("requestObject.spec.hostPID:false", False),
        ("requestObject.spec.hostIPC:*", False),
        ("requestObject.spec.replicas:3", True),
        ("requestObject.spec.replicas > 2", True),
        ("requestObject.spec.replicas > 10", False),
        ("requestObject.spec.containers.image:redis*", True),
        ("requestObject.spec.containers.args:id", True),
        ("requestObject.metadata.labels.app.kubernetes.io/name:shop", True),
        ("annotations.authorization.k8s.io/decision:allow", True),
        ("kubernetes.audit.annotations.authorization.k8s.io/decision:allow", True),
        ("docker.event.Action:*", False),
        ("native.requestObject.spec.hostPID:true", True),
        ("native.verb:create", True),
        ("requestObject:*nginx*", True),
        ("requestObject:*nothing*", False),
        ("responseObject:*", False),
        ("requestObject.spec.containers:{ image:nginx* and securityContext.privileged:true }", True),
        ("requestObject.spec.containers:{ image:redis* and securityContext.privileged:true }", False),
        ("requestObject.spec.containers:{ image:redis* and not securityContext.privileged:true }", True),
        ("requestObject.spec.containers:{ securityContext:{ privileged:true } and name:app }", True),
        ("requestObject.spec.containers:{ name:(x or y) }", False),
        ("requestObject.spec.containers.image:redis* and requestObject.spec.hostPID:true", True),
    ],
)
def test_deep_fields_are_read_from_the_native_record(text: str, expected: bool) -> None:
    assert meets(text, audit(BODY)) is expected
    assert not meets(text, make()) or text.startswith("not")


def test_a_body_that_is_no_json_holds_nothing() -> None:
    assert not meets("requestObject:*", audit(b"{skipped"))
    assert meets('requestObject:"skipped"', audit(b'"skipped"'))
    deep = b"[" * 900 + b"1" + b"]" * 900
    assert meets("requestObject:1", audit(deep)) or not meets("requestObject:*", audit(deep))


def test_native_names_count_only_for_their_own_records() -> None:
    assert meets("objectRef.resource:pods", EVENT)
    docker = make(
        dataset="docker.events", resource_type="pods", native_name="docker.event", native={"scope": "local"}
    )
    assert not meets("objectRef.resource:pods", docker)
    assert meets("resource:pods", docker)
    assert meets("scope:local and docker.event.scope:local and native.scope:local", docker)


def test_a_long_value_counts_by_its_beginning() -> None:
    event = make(user_name="a" * 9000, message="b" * 9000)
    assert meets(f"user:{'a' * 8191}", event) and meets(f"user:{'a' * 8200}", event)
    assert not meets(f"user:{'a' * 8190}", event)
    assert meets(f"message:{'b' * 8191}", event)


def test_what_is_no_text_harms_nothing() -> None:
    event = Event(
        EVENT.record, EVENT.origin, {}, lambda event: "half \ud800 a pair", "never", "x", user_name="\udfff"
    )
    assert meets("message:pair and user:*", event)
    assert not meets("user:/a/", event, lucene=True)
    assert meets("@timestamp < 1971", event)


@given(st.text("ab*?\\", max_size=8), st.text("ab*?\\", max_size=12))
def test_a_glob_agrees_with_trying_every_way(pattern: str, text: str) -> None:
    def fits(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return fits(pattern[1:], text) or (text != "" and fits(pattern, text[1:]))
        if pattern[0] == "\\":
            wanted, rest = pattern[1:2] or "\\", pattern[2:]
            return text[:1] == wanted and fits(rest, text[1:])
        return text != "" and pattern[0] in ("?", text[0]) and fits(pattern[1:], text[1:])

    assert glob(pattern)(text) is fits(pattern, text)


@given(st.text(max_size=20))
def test_an_escaped_text_is_the_glob_of_itself(text: str) -> None:
    assert glob(escape(text))(text)
    assert glob(f"*{escape(text)}*")(f"x{text}y")


def test_no_glob_takes_long() -> None:
    assert not glob("*a" * 200 + "b")("a" * 8000)
    assert not glob("*?a" * 50 + "b")("a" * 2000)
