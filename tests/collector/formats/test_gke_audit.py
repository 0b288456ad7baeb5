"""GKE's entries become what the API server had written."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.formats.gke_audit import Format
from collector.kubernetes.gke import named
from event_model.errors import Unreadable
from event_model.event import Event, Origin, Record
from event_model.fields import document

ORIGIN = Origin("test", "gke_audit")


def entry(
    method: str = "io.k8s.core.v1.pods.get", resource: str = "core/v1/namespaces/shop/pods/web", **more: Any
) -> dict[str, Any]:
    payload = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "serviceName": "k8s.io",
        "methodName": method,
        "resourceName": resource,
        "authenticationInfo": {"principalEmail": "alice@example.com"},
        "authorizationInfo": [{"granted": True, "permission": method, "resource": resource}],
        "requestMetadata": {"callerIp": "203.0.113.7", "callerSuppliedUserAgent": "kubectl/v1.35.4"},
        "status": {},
    }
    payload |= {key: more.pop(key) for key in list(more) if key in (*payload, "request", "response")}
    return {
        "insertId": "i-1",
        "labels": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
        "operation": {"id": "i-1", "producer": "k8s.io", "first": True, "last": True},
        "protoPayload": {key: value for key, value in payload.items() if value is not None},
        "resource": {
            "type": "k8s_cluster",
            "labels": {"cluster_name": "prod", "location": "eu", "project_id": "p"},
        },
        "timestamp": "2026-11-02T09:00:00.123456Z",
        **more,
    }


def event(*names: str, **more: Any) -> Event:
    return Format().normalize(Record(json.dumps(entry(*names, **more)).encode()), ORIGIN)


@pytest.mark.parametrize(
    ("method", "resource", "parts", "path"),
    [
        ("io.k8s.core.v1.pods.get", "core/v1/namespaces/shop/pods/web", ("get", "", "v1", "shop", "pods", "web", ""), "/api/v1/namespaces/shop/pods/web"),
        ("io.k8s.core.v1.pods.exec.create", "core/v1/namespaces/shop/pods/web/exec", ("create", "", "v1", "shop", "pods", "web", "exec"), "/api/v1/namespaces/shop/pods/web/exec"),
        ("io.k8s.core.v1.nodes.list", "core/v1/nodes", ("list", "", "v1", "", "nodes", "", ""), "/api/v1/nodes"),
        ("io.k8s.core.v1.namespaces.delete", "core/v1/namespaces/shop", ("delete", "", "v1", "shop", "namespaces", "shop", ""), "/api/v1/namespaces/shop"),
        ("io.k8s.core.v1.namespaces.finalize.update", "core/v1/namespaces/shop/finalize", ("update", "", "v1", "shop", "namespaces", "shop", "finalize"), "/api/v1/namespaces/shop/finalize"),
        ("io.k8s.apps.v1.deployments.scale.patch", "apps/v1/namespaces/shop/deployments/web/scale", ("patch", "apps", "v1", "shop", "deployments", "web", "scale"), "/apis/apps/v1/namespaces/shop/deployments/web/scale"),
        ("io.k8s.authorization.rbac.v1.clusterrolebindings.create", "rbac.authorization.k8s.io/v1/clusterrolebindings/x", ("create", "rbac.authorization.k8s.io", "v1", "", "clusterrolebindings", "x", ""), "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/x"),
        ("com.example.v1beta1.widgets.deletecollection", "example.com/v1beta1/namespaces/shop/widgets", ("deletecollection", "example.com", "v1beta1", "shop", "widgets", "", ""), "/apis/example.com/v1beta1/namespaces/shop/widgets"),
    ],
)  # fmt: skip
def test_method_and_resource_name_become_an_object(
    method: str, resource: str, parts: tuple[str, ...], path: str
) -> None:
    verb, ref, found = named(method, resource)
    assert ref is not None
    assert (
        verb,
        ref.apiGroup,
        ref.apiVersion,
        ref.namespace,
        ref.resource,
        ref.name,
        ref.subresource,
    ) == parts
    assert found == path


def test_a_path_that_is_no_resource_stays_a_path() -> None:
    assert named("io.k8s.get", "healthz") == ("get", None, "/healthz")
    assert named("io.k8s.get", "openapi/v3/apis/apps/v1") == ("get", None, "/openapi/v3/apis/apps/v1")
    assert named("io.k8s.get", "") == ("get", None, "/")


def test_a_request_is_a_kubernetes_event_of_this_cluster() -> None:
    found = event()
    assert found.message == "alice@example.com read pod shop/web"
    assert (found.dataset, found.provider, found.cloud) == ("kubernetes.audit_logs", "gke", "gcp")
    assert (found.cluster, found.project, found.region) == ("prod", "p", "eu")
    assert (found.user_name, found.user_email, found.user_kind) == (
        "alice@example.com",
        "alice@example.com",
        "human",
    )
    assert (found.source_ip, found.user_agent, found.timestamp) == (
        "203.0.113.7",
        "kubectl/v1.35.4",
        "2026-11-02T09:00:00.123456Z",
    )


@pytest.mark.parametrize(
    ("method", "status", "code", "outcome"),
    [
        ("io.k8s.core.v1.pods.get", {}, 200, "success"),
        ("io.k8s.core.v1.pods.get", {"code": 0}, 200, "success"),
        ("io.k8s.core.v1.pods.create", {}, 201, "success"),
        ("io.k8s.core.v1.pods.exec.get", {}, 101, "success"),
        ("io.k8s.core.v1.pods.get", {"code": 5}, 404, "failure"),
        ("io.k8s.core.v1.pods.create", {"code": 6}, 409, "failure"),
        ("io.k8s.core.v1.pods.get", {"code": 7, "message": "no"}, 403, "failure"),
        ("io.k8s.core.v1.pods.get", {"code": 16}, 401, "failure"),
        ("io.k8s.core.v1.pods.get", {"code": 99}, 500, "failure"),
        ("io.k8s.core.v1.pods.get", None, None, "unknown"),
    ],
)
def test_a_grpc_status_becomes_the_http_one(method: str, status: Any, code: int | None, outcome: str) -> None:
    found = event(method, status=status)
    assert (found.status_code, found.outcome) == (code, outcome)


def test_the_answer_itself_tells_the_code_best() -> None:
    answer = {
        "@type": "core.k8s.io/v1.Status",
        "kind": "Status",
        "code": 422,
        "reason": "Invalid",
        "message": "no",
    }
    assert event(status={"code": 3}, response=answer).status_code == 422


def test_without_a_label_the_permission_tells_the_decision() -> None:
    refused = event(labels={}, status={"code": 7}, authorizationInfo=[{"permission": "x"}])
    assert refused.native.annotations == {"authorization.k8s.io/decision": "forbid"}
    assert "allowed" in event(labels={}).type


def test_a_selector_is_the_anonymous_user_or_the_impersonated_one() -> None:
    nobody = event(authenticationInfo={"authoritySelector": "system:anonymous"})
    assert (nobody.user_name, nobody.user_kind, nobody.user_groups) == (
        "system:anonymous",
        "anonymous",
        ["system:unauthenticated"],
    )
    acting = event(authenticationInfo={"principalEmail": "alice@example.com", "authoritySelector": "bob"})
    assert (acting.user_name, acting.user_effective) == ("alice@example.com", "bob")
    other = event(authenticationInfo={"principalSubject": "user:carol@example.org"})
    assert other.user_name == "carol@example.org"


def test_groups_are_those_that_name_and_reason_imply() -> None:
    reason = {
        "authorization.k8s.io/reason": 'RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to Group "sre"'
    }
    assert event(labels=reason).user_groups == ["sre", "system:authenticated"]
    robot = event(authenticationInfo={"principalEmail": "system:serviceaccount:ci:deployer"})
    assert robot.user_groups == [
        "system:serviceaccounts",
        "system:serviceaccounts:ci",
        "system:authenticated",
    ]


def test_the_command_of_an_exec_is_in_a_label_or_in_the_request() -> None:
    names = ("io.k8s.core.v1.pods.exec.create", "core/v1/namespaces/shop/pods/web/exec")
    assert event(*names, labels={"command.gke.io/command": "sh -c id"}).command_line == "sh -c id"
    request = {"command": ["sh", "-c", "echo a b"], "container": "app", "stdin": True, "tty": True}
    found = event(*names, request=request)
    assert (found.args, found.container_name, found.interactive) == (("sh", "-c", "echo a b"), "app", True)


def test_the_operation_tells_the_stage() -> None:
    assert event(operation={"id": "o", "first": True}).id == "o:ResponseStarted"
    assert event(operation={"id": "o", "last": True}).id == "o:ResponseComplete"
    assert event(operation=None).id == "i-1:ResponseComplete"


def test_entries_arrive_alone_in_exports_and_by_pubsub() -> None:
    line = json.dumps(entry()).encode()
    data = base64.b64encode(line).decode()
    assert list(Format().split(line)) == [line]
    assert list(Format().split(b"[" + line + b"," + line + b"]")) == [line, line]
    assert list(Format().split(b'{"entries":[' + line + b"]}")) == [line]
    push = {"message": {"attributes": {"a": "b"}, "data": data, "messageId": "1"}, "subscription": "s"}
    assert list(Format().split(json.dumps(push).encode())) == [line]
    pulled = {"receivedMessages": [{"ackId": "1", "message": {"data": data}}] * 2}
    assert list(Format().split(json.dumps(pulled).encode())) == [line, line]
    with pytest.raises(Unreadable, match="base64"):
        list(Format().split(b'{"message":{"data":"not base64!"}}'))


def test_what_is_no_kubernetes_request_is_an_act_on_the_cloud() -> None:
    more = {
        "serviceName": "container.googleapis.com",
        "status": {"code": 7, "message": "Permission denied"},
        "request": {"cluster": {"masterAuth": {"password": "hunter2"}}},
    }
    found = event("google.container.v1.ClusterManager.CreateNodePool", "projects/p/clusters/prod", **more)
    assert (found.dataset, found.provider, found.outcome) == (
        "gcp.audit",
        "container.googleapis.com",
        "failure",
    )
    assert (found.category, found.type) == (("configuration",), ("creation", "denied"))
    assert (
        found.message
        == "alice@example.com was refused permission to call CreateNodePool on projects/p/clusters/prod"
    )
    assert document(found)["gcp"]["audit"]["protoPayload"]["methodName"].endswith("CreateNodePool")
    left = Format().redact(found.record, found)
    assert b"hunter2" not in left.raw
    assert Format().normalize(left, ORIGIN).message == found.message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"textPayload":"x","timestamp":"2026-11-02T09:00:00Z"}', "no audit entry"),
        (b"{}", "no audit entry"),
        (b'{"protoPayload":{"methodName":"io.k8', "cut off"),
        (b"text", "no JSON"),
    ],
)
def test_what_is_no_audit_entry_is_refused_with_its_reason(line: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        Format().normalize(Record(line), ORIGIN)


def test_ill_typed_parts_are_named_and_the_rest_is_known() -> None:
    found = event(
        status={"code": "7"}, labels=["x"], timestamp="later", receiveTimestamp="2026-11-02T09:00:01Z"
    )
    assert (found.status_code, found.timestamp) == (403, "2026-11-02T09:00:01Z")
    assert found.labels == {"malformed": "labels, protoPayload.status.code, timestamp"}


def test_secrets_in_bodies_and_commands_are_replaced() -> None:
    names = ("io.k8s.core.v1.secrets.create", "core/v1/namespaces/shop/secrets/db")
    exec_names = ("io.k8s.core.v1.pods.exec.create", "core/v1/namespaces/shop/pods/web/exec")
    for found, secret in (
        (
            event(*names, request={"data": {"a": "c2VjcmV0"}}, response={"data": {"a": "c2VjcmV0"}}),
            b"c2VjcmV0",
        ),
        (event(*exec_names, labels={"command.gke.io/command": "mysql -uroot -phunter2"}), b"hunter2"),
    ):
        left = Format().redact(found.record, found)
        assert secret not in left.raw
        again = Format().normalize(left, ORIGIN)
        assert (again.user_name, again.resource_name, again.labels) == (
            found.user_name,
            found.resource_name,
            None,
        )
        assert Format().redact(left, again).raw == left.raw


def test_entries_of_others_read_without_a_complaint(shared_data: Callable[[str], Path]) -> None:
    datasets = set()
    for path in sorted(shared_data("gke").glob("*audit__*.yaml")):
        for whole in yaml.safe_load_all(path.read_text("utf-8")):
            line = json.dumps(whole, default=str).encode()
            if "protoPayload" in whole:
                found = Format().normalize(Record(line), ORIGIN)
                assert found.labels is None
                datasets.add(found.dataset)
    assert datasets == {"kubernetes.audit_logs", "gcp.audit"}
