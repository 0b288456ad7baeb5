"""The written object and the pod inside it, wherever they stand."""

from __future__ import annotations

from typing import Any

import pytest

from rules.engine.view import View
from tests.rules.engine.conftest import MakeEvent

POD = {"metadata": {"labels": {"app": "x"}}, "spec": {"hostPID": True, "containers": [{"name": "main"}]}}
TEMPLATE = {"spec": {"template": POD}}


@pytest.mark.parametrize(
    ("resource", "body"),
    [
        ("pods", {"kind": "Pod", **POD}),
        ("podtemplates", {"kind": "PodTemplate", "template": POD}),
        ("deployments", {"kind": "Deployment", **TEMPLATE}),
        ("replicasets", {"kind": "ReplicaSet", **TEMPLATE}),
        ("statefulsets", {"kind": "StatefulSet", **TEMPLATE}),
        ("daemonsets", {"kind": "DaemonSet", **TEMPLATE}),
        ("jobs", {"kind": "Job", **TEMPLATE}),
        ("replicationcontrollers", {"kind": "ReplicationController", **TEMPLATE}),
        ("cronjobs", {"kind": "CronJob", "spec": {"jobTemplate": TEMPLATE}}),
        ("rollouts", {"kind": "Rollout", **TEMPLATE}),
        ("deployments", {"@type": "apps.v1.Deployment", **TEMPLATE}),
    ],
)
def test_a_pod_is_found_in_every_workload(resource: str, body: dict[str, Any], audit: MakeEvent) -> None:
    pod = View(audit(verb="create", objectRef={"resource": resource}, requestObject=body)).pod
    assert pod == {**POD, "containers": [{"name": "main"}]}


@pytest.mark.parametrize(
    ("resource", "body"),
    [
        ("services", {"kind": "Service", "spec": {"ports": []}}),
        ("machinedeployments", {"spec": {"template": {"spec": {"providerSpec": {}}}}}),
        ("pods", {"kind": "PodList", "items": [POD]}),
        ("pods", [{"op": "add", "path": "/spec"}]),
        ("pods", "skipped-too-big-size-object"),
        ("pods", {"spec": "odd"}),
        ("pods", 5),
        ("cronjobs", {"spec": {"jobTemplate": [TEMPLATE]}}),
        ("deployments", None),
    ],
)
def test_what_holds_no_pod_has_none(resource: str, body: Any, audit: MakeEvent) -> None:
    assert View(audit(verb="create", objectRef={"resource": resource}, requestObject=body)).pod is None


def test_all_kinds_of_containers_are_containers(audit: MakeEvent) -> None:
    spec = {
        "containers": [{"name": "a"}],
        "initContainers": [{"name": "b"}, "odd"],
        "ephemeralContainers": [{"name": "c"}],
    }
    pod = View(audit(verb="create", objectRef={"resource": "pods"}, requestObject={"spec": spec})).pod
    assert pod and [each["name"] for each in pod["containers"]] == ["a", "b", "c"]


def test_of_a_patch_the_object_is_what_came_of_it(audit: MakeEvent) -> None:
    event = audit(
        verb="patch", objectRef={"resource": "pods"}, requestObject=[{"op": "add"}], responseObject=POD
    )
    assert View(event).object == POD
    merged = audit(verb="patch", objectRef={"resource": "pods"}, requestObject={"spec": {"hostPID": True}})
    assert View(merged).object == {"spec": {"hostPID": True}}


def test_of_a_refused_patch_the_object_is_what_was_asked_for(audit: MakeEvent) -> None:
    event = audit(
        verb="patch",
        objectRef={"resource": "pods"},
        requestObject={"spec": {"hostPID": True}},
        responseObject={"kind": "Status", "code": 403},
    )
    assert View(event).object == {"spec": {"hostPID": True}}


def test_of_a_write_the_object_is_what_was_sent(audit: MakeEvent) -> None:
    event = audit(verb="update", objectRef={}, requestObject={"a": 1}, responseObject={"a": 2})
    assert View(event).object == {"a": 1}
    assert View(audit(verb="update", objectRef={}, responseObject={"a": 2})).object == {"a": 2}


def test_options_of_a_delete_are_no_object(audit: MakeEvent) -> None:
    options, status = {"kind": "DeleteOptions"}, {"kind": "Status"}
    event = audit(verb="delete", objectRef={}, requestObject=options, responseObject={"kind": "Pod"})
    assert View(event).object == {"kind": "Pod"}
    assert (
        View(audit(verb="delete", objectRef={}, requestObject=options, responseObject=status)).object is None
    )


def test_a_body_is_parsed_once(audit: MakeEvent) -> None:
    view = View(audit(verb="create", objectRef={"resource": "pods"}, requestObject=POD))
    assert view.request is view.request
    assert view.pod is view.pod
    assert view.object is view.request


def test_a_body_nested_too_deep_is_no_body(audit: MakeEvent) -> None:
    from msgspec import Raw
    from msgspec.structs import replace

    from collector.kubernetes.audit import Audit

    event = audit(verb="create")
    native: Audit = replace(event.native, requestObject=Raw(b"[" * 100_000 + b"]" * 100_000))
    assert View(replace(event, native=native)).request is None
