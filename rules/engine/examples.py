"""Run the tests that rules carry: partial records laid over an ordinary one of the rule's logsource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from event_model.event import Event
from rules.engine.logsource import DOCKER, KUBERNETES
from rules.engine.rule import Rule


class Failure(Struct, frozen=True):
    """A test that did not go as its rule says."""

    rule_id: str
    path: str
    line: int
    kind: str  # match or quiet
    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind} {self.name!r}: {self.reason}"


_TIME = "2026-11-23T10:15:00.000000Z"
_AUDIT: dict[str, Any] = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1",
    "level": "RequestResponse",
    "auditID": "5b0c6c1e-8d0c-4f0e-9e39-3f1e7d9d2a41",
    "stage": "ResponseComplete",
    "user": {"username": "mallory@example.com", "groups": ["system:authenticated"]},
    "sourceIPs": ["203.0.113.7"],
    "userAgent": "kubectl/v1.35.4 (linux/amd64) kubernetes/9e95fbc",
    "requestReceivedTimestamp": _TIME,
    "stageTimestamp": "2026-11-23T10:15:00.012345Z",
}
_DOCKER: dict[str, Any] = {
    "Type": "container",
    "Action": "start",
    "Actor": {"ID": "4f" * 32, "Attributes": {"image": "nginx:1.27", "name": "web"}},
    "scope": "local",
    "time": 1795428900,
    "timeNano": 1795428900012345678,
}


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`: maps join key by key, null takes a key away, anything else replaces."""
    whole = dict(below)
    for key, value in above.items():
        known = below.get(key)
        if value is None and key in below:
            del whole[key]
        else:
            whole[key] = merge(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return whole


def audit_record(record: dict[str, Any]) -> dict[str, Any]:
    """A whole Kubernetes audit record from the parts that a test names."""
    whole = merge(_AUDIT, record)
    if "responseStatus" not in record:
        code = 201 if whole.get("verb") == "create" else 200
        whole["responseStatus"] = {"metadata": {}, "code": code}
    status = whole.get("responseStatus")
    refused = isinstance(status, dict) and status.get("code") in (401, 403)
    decision = {"authorization.k8s.io/decision": "forbid" if refused else "allow"}
    whole["annotations"] = merge(decision, record.get("annotations") or {})
    if "requestURI" not in whole:
        whole["requestURI"] = _address(whole.get("objectRef") or {})
    return whole


def _address(ref: dict[str, Any]) -> str:
    if not ref.get("resource"):
        return "/"
    group, version = ref.get("apiGroup"), ref.get("apiVersion", "v1")
    parts = ["apis", group, version] if group else ["api", version]
    if ref.get("namespace") and ref["resource"] != "namespaces":
        parts += ["namespaces", ref["namespace"]]
    parts += [ref[name] for name in ("resource", "name", "subresource") if ref.get(name)]
    return "/" + "/".join(map(str, parts))


def record_of(rule: Rule, record: dict[str, Any]) -> dict[str, Any]:
    """The whole record that a test of this rule means."""
    if KUBERNETES in rule.datasets:
        return audit_record(record)
    return merge(_DOCKER, record) if DOCKER in rule.datasets else record


def check(rule: Rule, normalize: Callable[[dict[str, Any]], Event]) -> list[Failure]:
    """The rule's tests that fail; `normalize` makes an event of a whole record."""
    failures: list[Failure] = []
    for kind in ("match", "quiet"):
        for index, example in enumerate(rule.tests.get(kind, ())):
            found = rule.matches(normalize(record_of(rule, example["record"])))
            if (found is not None) != (kind == "match"):
                reason = "does not match" if found is None else f"matches by {found}"
                line = rule.document.line("tests", kind, index)
                name = str(example.get("name") or index + 1)
                failures.append(Failure(rule.info.rule_id, str(rule.path), line, kind, name, reason))
    return failures
