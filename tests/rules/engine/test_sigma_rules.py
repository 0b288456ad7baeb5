"""Rules as the Sigma community writes them load and fire as they are."""

from __future__ import annotations

from typing import Any

import pytest

from rules.engine.document import parse as parse_yaml
from rules.engine.parse import parse
from tests.rules.engine.conftest import MakeEvent

HEAD = "title: Anything\nlogsource:\n    category: application\n    product: kubernetes\n    service: audit\n"
WRITES = "[create, delete, patch, replace, update]"


def ref(resource: str, **more: str) -> dict[str, str]:
    return {"resource": resource, "namespace": "a", "name": "b", **more}


CASES: list[tuple[str, dict[str, Any], bool]] = [
    (
        "selection: {objectRef.apiGroup: rbac.authorization.k8s.io, objectRef.resource: [rolebindings], verb: "
        + WRITES
        + "}\n    condition: selection",
        {"verb": "update", "objectRef": ref("rolebindings", apiGroup="rbac.authorization.k8s.io")},
        True,
    ),
    (
        "selection: {verb: create, objectRef.resource: pods, hostPath: '*'}\n    condition: selection",
        {
            "verb": "create",
            "objectRef": ref("pods"),
            "requestObject": {
                "spec": {"containers": [], "volumes": [{"name": "x"}, {"hostPath": {"path": "/"}}]}
            },
        },
        True,
    ),
    (
        "selection: {verb: create, objectRef.resource: pods, hostPath: '*'}\n    condition: selection",
        {
            "verb": "create",
            "objectRef": ref("pods"),
            "requestObject": {"spec": {"volumes": [{"emptyDir": {}}]}},
        },
        False,
    ),
    (
        "selection: {verb: create, objectRef.resource: pods, capabilities: '*'}\n    condition: selection",
        {
            "verb": "create",
            "objectRef": ref("pods"),
            "requestObject": {
                "spec": {"containers": [{"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]}
            },
        },
        True,
    ),
    (
        "selection: {verb: patch, apiGroup: apps, objectRef.resource: deployments}\n    condition: selection",
        {"verb": "patch", "objectRef": ref("deployments", apiGroup="apps")},
        True,
    ),
    (
        "selection:\n        responseStatus.code:\n            - 401 # who\n            - 403\n    condition: selection",
        {"verb": "list", "responseStatus": {"code": 403}},
        True,
    ),
    (
        "selection: {verb: create, objectRef.resource: pods, objectRef.subresource: exec}\n    condition: selection",
        {"verb": "get", "objectRef": ref("pods", subresource="exec")},
        False,
    ),
    (
        "selection_code: {responseStatus.code|lt: 400}\n    selection_uri: {requestURI|contains: ['%2fbin%2fsh', '/bin/sh']}\n"
        "    selection_agent: {userAgent|contains: hunter}\n"
        "    condition: selection_code and 1 of selection_* and not 1 of filter_main_*\n"
        "    filter_main_own: {username|startswith: 'system:'}",
        {"verb": "get", "requestURI": "/api/v1/namespaces/a/pods/b/exec?command=%2fbin%2fsh"},
        True,
    ),
    (
        "keywords: [kube-hunter, 'secret*token']\n    condition: keywords",
        {"verb": "get", "userAgent": "KUBE-HUNTER/1"},
        True,
    ),
    (
        "selection:\n        - verb: delete\n          resource: events\n        - verb: deletecollection\n"
        "    filter: {namespace: null}\n    condition: selection and not filter",
        {"verb": "deletecollection", "objectRef": ref("pods")},
        True,
    ),
    (
        "selection:\n        - verb: delete\n          resource: events\n        - verb: deletecollection\n"
        "    filter: {namespace: null}\n    condition: selection and not filter",
        {"verb": "deletecollection", "objectRef": {"resource": "nodes"}},
        False,
    ),
    (
        "a: {verb: get}\n    b: {namespace: a}\n    condition: [a and b, b]",
        {"verb": "list", "objectRef": ref("x")},
        True,
    ),
    (
        "a: {verb: get}\n    b: {namespace: a}\n    condition: all of them",
        {"verb": "get", "objectRef": ref("x")},
        True,
    ),
]


@pytest.mark.parametrize(("detection", "record", "matches"), CASES)
def test_a_rule_of_the_community(
    detection: str, record: dict[str, Any], matches: bool, audit: MakeEvent
) -> None:
    (document,) = parse_yaml(HEAD + "detection:\n    " + detection + "\n", "x.yml")
    rule, errors = parse(document, "x", {})
    assert rule is not None, errors
    assert (rule.matches(audit(**record)) is not None) == matches
