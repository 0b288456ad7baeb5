"""The helper that writes records as providers do: each format reads back what its provider carries."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from collector.formats import FORMATS
from event_model.event import Event, Origin, Record
from rules.engine.examples import audit_record
from tests.end_to_end.providers import PROVIDERS, Json, as_aks, as_eks, as_gke, as_plain

EVERY = pytest.mark.parametrize("provider", PROVIDERS)
SAME = [
    "timestamp",
    "kind",
    "action",
    "category",
    "type",
    "outcome",
    "user_name",
    "user_kind",
    "user_effective",
    "user_target",
    "source_ip",
    "user_agent",
    "orchestrator",
    "namespace",
    "api_version",
    "resource_type",
    "resource_name",
    "subresource",
    "method",
    "status_code",
    "images",
    "command_line",
    "pod_name",
    "node_name",
    "dataset",
    "module",
]
GKE_MAY_DIFFER = {"status_code"}  # its status says only that a request went well: 201 and 304 look like 200


def events(written: bytes, name: str) -> list[Event]:
    """What the format makes of a message."""
    form, origin = FORMATS.make(name), Origin(source="test", format=name)
    pieces = form.split(written) if written else ()
    return [form.normalize(Record(bytes(piece)), origin) for piece in pieces]


def known(event: Event, leave_out: set[str] | None = None) -> dict[str, Any]:
    return {name: getattr(event, name) for name in SAME if name not in (leave_out or ())}


ACTS: dict[str, Json] = {
    "a secret read": {
        "verb": "get",
        "objectRef": {"resource": "secrets", "namespace": "shop", "name": "db", "apiVersion": "v1"},
    },
    "secrets of all namespaces": {"verb": "list", "objectRef": {"resource": "secrets", "apiVersion": "v1"}},
    "a namespace": {
        "verb": "delete",
        "objectRef": {"resource": "namespaces", "namespace": "shop", "name": "shop", "apiVersion": "v1"},
    },
    "a binding": {
        "verb": "create",
        "objectRef": {
            "resource": "clusterrolebindings",
            "name": "x",
            "apiGroup": "rbac.authorization.k8s.io",
            "apiVersion": "v1",
        },
        "requestObject": {
            "kind": "ClusterRoleBinding",
            "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "User", "name": "eve"}],
        },
    },
    "a deployment": {
        "verb": "create",
        "objectRef": {
            "resource": "deployments",
            "namespace": "shop",
            "name": "api",
            "apiGroup": "apps",
            "apiVersion": "v1",
        },
        "requestObject": {
            "kind": "Deployment",
            "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "nginx:1.27"}]}}},
        },
    },
    "a resource of somebody's own group": {
        "verb": "update",
        "objectRef": {
            "resource": "certificates",
            "namespace": "shop",
            "name": "tls",
            "apiGroup": "cert-manager.io",
            "apiVersion": "v1",
            "subresource": "status",
        },
    },
    "a refused list": {
        "verb": "list",
        "objectRef": {"resource": "nodes", "apiVersion": "v1"},
        "responseStatus": {
            "code": 403,
            "reason": "Forbidden",
            "status": "Failure",
            "message": "nodes is forbidden",
        },
    },
    "a wrong token": {
        "verb": "list",
        "stage": "ResponseStarted",
        "user": None,
        "objectRef": {"resource": "pods", "namespace": "shop", "apiVersion": "v1"},
        "responseStatus": {
            "code": 401,
            "reason": "Unauthorized",
            "status": "Failure",
            "message": "Unauthorized",
        },
    },
    "nobody": {
        "verb": "list",
        "user": {"username": "system:anonymous", "groups": ["system:unauthenticated"]},
        "objectRef": {"resource": "pods", "apiVersion": "v1"},
    },
    "a path that is no resource": {"verb": "get", "requestURI": "/version"},
    "a command in a pod": {
        "verb": "create",
        "requestURI": "/api/v1/namespaces/shop/pods/api-1/exec?command=sh&command=-c&command=id&container=a",
        "objectRef": {
            "resource": "pods",
            "namespace": "shop",
            "name": "api-1",
            "apiVersion": "v1",
            "subresource": "exec",
        },
        "responseStatus": {"code": 101},
    },
    "one acting as another": {
        "verb": "list",
        "impersonatedUser": {"username": "system:admin", "groups": ["system:masters"]},
        "objectRef": {"resource": "secrets", "namespace": "shop", "apiVersion": "v1"},
    },
    "a pod's own account": {
        "verb": "get",
        "user": {
            "username": "system:serviceaccount:shop:default",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
        },
        "objectRef": {"resource": "pods", "namespace": "shop", "name": "x", "apiVersion": "v1"},
        "responseStatus": {"code": 404, "reason": "NotFound", "status": "Failure", "message": "not found"},
    },
}


@EVERY
@pytest.mark.parametrize("act", ACTS)
def test_an_act_reads_the_same_whoever_delivers_it(provider: str, act: str) -> None:
    name, write = PROVIDERS[provider]
    record = audit_record(ACTS[act])
    (plain,) = events(as_plain(record), "kubernetes_audit")
    (delivered,) = events(write(record), name)
    assert known(delivered) == known(plain)
    assert delivered.provider == provider


@EVERY
def test_the_records_of_a_real_day_read_the_same(provider: str, sample_logs: Path) -> None:
    name, write = PROVIDERS[provider]
    leave_out = GKE_MAY_DIFFER if provider == "gke" else set()
    wrong = []
    for record in one_of_each_shape(sample_logs / "demo" / "kubernetes_audit.jsonl.gz"):
        (plain,) = events(as_plain(record), "kubernetes_audit")
        for delivered in events(write(record), name):
            if (mine := known(delivered, leave_out)) != (theirs := known(plain, leave_out)):
                wrong.append(
                    (
                        record["auditID"],
                        {key: (theirs[key], mine[key]) for key in mine if mine[key] != theirs[key]},
                    )
                )
    assert wrong == []


def one_of_each_shape(path: Path) -> list[Json]:
    """The first record of each combination of user's kind, verb, resource and answer."""
    found: dict[tuple[Any, ...], Json] = {}
    with gzip.open(path) as lines:
        for line in lines:
            record = json.loads(line)
            ref = record.get("objectRef") or {}
            who = record["user"].get("username", "").split(":")[:2]
            code = (record.get("responseStatus") or {}).get("code")
            parts = (
                ref.get("apiGroup"),
                ref.get("resource"),
                ref.get("subresource"),
                "name" in ref,
                "namespace" in ref,
            )
            found.setdefault(
                (*who, record["stage"], record["verb"], *parts, code, "impersonatedUser" in record), record
            )
    return list(found.values())


def test_gke_carries_no_groups_no_uid_and_no_address() -> None:
    record = audit_record(
        {**ACTS["a secret read"], "user": {"username": "eve", "uid": "7", "groups": ["system:masters"]}}
    )
    text = as_gke({**record, "requestURI": "/api/v1/namespaces/shop/secrets/db?pretty=maybe"}).decode()
    assert "system:masters" not in text
    assert "maybe" not in text
    assert '"7"' not in text


def test_gke_tells_the_start_of_a_watch_from_its_end() -> None:
    watch = {"verb": "watch", "objectRef": {"resource": "secrets", "apiVersion": "v1"}}
    stages = []
    for stage in ("ResponseStarted", "ResponseComplete"):
        operation = json.loads(as_gke(audit_record({**watch, "stage": stage})))["operation"]
        stages.append((operation.get("first"), operation.get("last")))
    assert stages == [(True, None), (None, True)]


@pytest.mark.parametrize("write", [as_eks, as_gke])
def test_eks_and_gke_keep_secrets_without_bodies_and_no_events_at_all(write: Any) -> None:
    body = {"kind": "Secret", "data": {"password": "aHVudGVyMg=="}}
    secret = {"verb": "create", "objectRef": {"resource": "secrets", "namespace": "shop", "name": "db"}}
    assert b"aHVudGVyMg" not in write(audit_record({**secret, "requestObject": body}))
    assert (
        write(audit_record({"verb": "delete", "objectRef": {"resource": "events", "namespace": "shop"}}))
        == b""
    )


def test_eks_keeps_the_map_of_its_own_users_whole() -> None:
    users = {
        "verb": "patch",
        "objectRef": {"resource": "configmaps", "namespace": "kube-system", "name": "aws-auth"},
    }
    (event,) = events(
        as_eks(audit_record({**users, "requestObject": {"data": {"mapUsers": "eve"}}})), "eks_audit"
    )
    assert b"eve" in bytes(event.native.requestObject)


def test_aks_leaves_a_note_in_place_of_a_big_body() -> None:
    pod = {"verb": "create", "objectRef": {"resource": "pods", "namespace": "shop", "name": "x"}}
    message = as_aks(
        audit_record(
            {**pod, "requestObject": {"kind": "Pod", "metadata": {"annotations": {"a": "b" * 40_000}}}}
        )
    )
    (event,) = events(message, "aks_audit")
    assert b"skipped-too-big" in bytes(event.native.requestObject)
    assert (event.action, event.resource_name, event.images) == ("create", "x", ())
