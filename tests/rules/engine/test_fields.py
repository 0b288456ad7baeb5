"""The names that rules may use, and what they read."""

from __future__ import annotations

from typing import Any

import pytest

from event_model.errors import RuleError
from event_model.event import Event, Origin, Record
from event_model.fields import FIELDS
from rules.engine.fields import TABLES
from rules.engine.logsource import DOCKER, KUBERNETES, LOGS, RECORD
from rules.engine.view import View
from tests.rules.engine.conftest import FORMATS, MakeEvent, MakeRule


def read(event: Event, name: str, dataset: str = KUBERNETES) -> list[Any]:
    field = TABLES[dataset].find(name)
    assert field is not None, name
    return list(field.read(View(event)))


WHOLE: dict[str, Any] = {
    "verb": "create",
    "objectRef": {"resource": "pods", "namespace": "shop", "name": "web", "apiVersion": "v1"},
    "user": {"username": "alice", "uid": "7", "groups": ["dev", "ops"], "extra": {"a.b/c": ["x", "y"]}},
    "impersonatedUser": {"username": "root", "groups": ["system:masters"]},
    "responseStatus": {"code": 201, "reason": "Fine"},
    "annotations": {"pod-security.kubernetes.io/enforce-policy": "baseline"},
    "sourceIPs": ["10.0.0.1", "192.0.2.7"],
    "requestObject": {
        "kind": "Pod",
        "metadata": {"labels": {"app.kubernetes.io/name": "web"}, "annotations": {"a.b/c": "d"}},
        "spec": {
            "hostPID": True,
            "containers": [{"image": "nginx", "resources": {"limits": {"nvidia.com/gpu": "1"}}}],
        },
    },
    "responseObject": {"kind": "Pod", "metadata": {"uid": "u"}},
}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("verb", ["create"]),
        ("event.action", ["create"]),
        ("objectRef.resource", ["pods"]),
        ("resource", ["pods"]),
        ("orchestrator.resource.type", ["pods"]),
        ("namespace", ["shop"]),
        ("orchestrator.namespace", ["shop"]),
        ("kubernetes.audit.objectRef.namespace", ["shop"]),
        ("name", ["web"]),
        ("orchestrator.resource.name", ["web"]),
        ("apiGroup", [""]),
        ("user.username", ["alice"]),
        ("username", ["alice"]),
        ("user.name", ["alice"]),
        ("user.groups", ["dev", "ops"]),
        ("user.extra.a.b/c", ["x", "y"]),
        ('user.extra."a.b/c"', ["x", "y"]),
        ("impersonatedUser.username", ["root"]),
        ("user.effective.name", ["root"]),
        ("responseStatus.code", [201]),
        ("http.response.status_code", [201]),
        ("responseStatus.reason", ["Fine"]),
        ("event.outcome", ["success"]),
        ("tallyman.user.kind", ["human"]),
        ("source.ip", ["192.0.2.7"]),
        ("sourceIPs", ["10.0.0.1", "192.0.2.7"]),
        ("annotations.authorization.k8s.io/decision", ["allow"]),
        ("decision", ["allow"]),
        ('annotations["pod-security.kubernetes.io/enforce-policy"]', ["baseline"]),
        ("annotations.'pod-security.kubernetes.io/enforce-policy'", ["baseline"]),
        ("requestObject.metadata.labels.app.kubernetes.io/name", ["web"]),
        ('object.metadata.labels["app.kubernetes.io/name"]', ["web"]),
        ("object.metadata.annotations", [{"a.b/c": "d"}]),
        ("requestObject.spec.containers.image", ["nginx"]),
        ("requestObject.spec.containers.resources.limits.nvidia.com/gpu", ["1"]),
        ("responseObject.metadata.uid", ["u"]),
        ("pod.spec.hostPID", [True]),
        ("hostPID", [True]),
        ("image", ["nginx"]),
        ("pod.metadata.labels.app.kubernetes.io/name", ["web"]),
        ("pod.nothing", []),
        ("pod", [{"image": "nginx"}]),
        ("container.image.name", ["nginx"]),
        ("orchestrator.type", ["kubernetes"]),
    ],
)
def test_a_name_of_a_kubernetes_request(name: str, values: list[Any], audit: MakeEvent) -> None:
    found = read(audit(**WHOLE), name)
    if name == "pod":
        assert found[0]["containers"][0]["image"] == "nginx"
    else:
        assert found == values


def test_every_ecs_field_is_a_name(audit: MakeEvent) -> None:
    for dataset in (KUBERNETES, DOCKER, *LOGS):
        assert all(TABLES[dataset].find(name) is not None for name in FIELDS)


def test_every_short_name_stands_for_something() -> None:
    for table in TABLES.values():
        assert all(table.find(name) is not None for name in table.short)


def test_the_command_of_an_exec(audit: MakeEvent) -> None:
    uri = "/api/v1/namespaces/a/pods/b/exec?command=sh&command=-c&command=id+%26%26+ls&stdin=true"
    ref = {"resource": "pods", "subresource": "exec", "namespace": "a", "name": "b"}
    event = audit(verb="get", objectRef=ref, requestURI=uri)
    for name in ("exec.command", "process.command_line", "command"):
        assert read(event, name) == ["sh -c id && ls"]


def test_a_request_without_an_object_has_none_of_its_names(audit: MakeEvent, rule: MakeRule) -> None:
    event = audit(verb="get", requestURI="/healthz", user=None)
    assert read(event, "resource") == read(event, "user.groups") == read(event, "pod.spec.hostPID") == []
    assert rule({"resource": None, "namespace": None, "user.name": None}).matches(event) is not None
    assert rule({"resource|exists": True}).matches(event) is None


def test_empty_text_of_a_record_is_no_value(audit: MakeEvent, rule: MakeRule) -> None:
    event = audit(verb="get", objectRef={"resource": "nodes"})
    assert rule({"namespace": None}).matches(event) is not None
    assert rule({"namespace": "", "apiGroup": ""}).matches(event) is not None
    assert rule({"namespace|exists": True}).matches(event) is None
    assert rule({"namespace": "*"}).matches(event) is None


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("objectRef.resorce", "objectRef.resource"),
        ("usr.name", "user.name"),
        ("Verb", "verb"),
        ("objectRef.kind", "objectRef."),
        ("responseStatus.cod", "responseStatus.code"),
        ("annotation.x", "annotations"),
        ("pods.spec", "pod"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, hint: str, rule: MakeRule) -> None:
    with pytest.raises(RuleError, match="kubernetes audit has no field") as caught:
        rule({"verb": "get", name: "x"})
    assert hint in str(caught.value)
    assert caught.value.line == 9


def test_a_broken_path_is_refused(rule: MakeRule) -> None:
    for name in ('annotations."a.b', "object.a..b", "object.", 'annotations["a'):
        with pytest.raises(RuleError):
            rule({name: "x"})


def test_names_of_a_docker_event() -> None:
    raw = (
        b'{"Type":"container","Action":"exec_create: sh -c id","Actor":{"ID":"ab","Attributes":'
        b'{"image":"nginx:1.27","name":"web","com.docker.swarm.task.id":"t"}},"scope":"local","time":1795428900,"timeNano":1}'
    )
    event = FORMATS.make("docker_events").normalize(Record(raw), Origin("test", "docker_events"))
    assert read(event, "Action", DOCKER) == ["exec_create: sh -c id"]
    assert read(event, "type", DOCKER) == ["container"]
    assert read(event, "Actor.Attributes.com.docker.swarm.task.id", DOCKER) == ["t"]
    assert read(event, "docker.event.Actor.Attributes.name", DOCKER) == ["web"]
    assert read(event, "image", DOCKER) == ["nginx:1.27"]
    assert read(event, "exec.command", DOCKER) == ["sh -c id"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("EventID", [1]),
        ("event.code", ["flat"]),
        ("a.b.c", [1]),
        ("a.b", [{"c": 1}]),
        ("list.x", [1, 2]),
        ("user.name", ["own"]),
        ("nothing", []),
        ("event.dataset", ["json"]),
    ],
)
def test_names_of_a_record_of_any_shape(name: str, values: list[Any], bare: MakeEvent) -> None:
    event = bare(
        **{
            "EventID": 1,
            "event.code": "flat",
            "a": {"b": {"c": 1}},
            "list": [{"x": 1}, {"x": 2}],
            "user": {"name": "own"},
        }
    )
    assert read(event, name, RECORD) == values
