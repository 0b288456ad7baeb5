"""Audit records for tests: `act("get", "pods", name="web")` is a record, and `event` what becomes of it."""

import json
from typing import Any

from collector.formats.kubernetes_audit import Format
from event_model.event import Event, Origin, Record

ORIGIN = Origin("test", "kubernetes_audit")
ALLOW = {"authorization.k8s.io/decision": "allow"}
FORBID = {"authorization.k8s.io/decision": "forbid"}


def act(verb: str = "get", resource: str = "", *, code: int | None = 200, **more: Any) -> dict[str, Any]:
    """A record; `name`, `namespace`, `apiGroup` and `subresource` go into objectRef, the rest to the top."""
    ref = {key: more.pop(key) for key in ("name", "namespace", "apiGroup", "subresource") if key in more}
    record = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "a-1",
        "stage": "ResponseComplete",
        "requestURI": "/",
        "verb": verb,
        "user": {"username": "alice@example.com", "groups": ["developers", "system:authenticated"]},
        "sourceIPs": ["203.0.113.7"],
        "userAgent": "kubectl/v1.35.4 (linux/amd64)",
        "objectRef": {"resource": resource, "apiVersion": "v1", **ref} if resource else None,
        "responseStatus": {"metadata": {}, "code": code} if code is not None else None,
        "requestReceivedTimestamp": "2026-11-02T09:00:00.000100Z",
        "stageTimestamp": "2026-11-02T09:00:00.012345Z",
        "annotations": FORBID if code in (401, 403) else ALLOW,
        **more,
    }
    return {key: value for key, value in record.items() if value is not None}


def raw(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()


def event(verb: str = "get", resource: str = "", **more: Any) -> Event:
    return read(raw(act(verb, resource, **more)))


def read(line: bytes) -> Event:
    return Format().normalize(Record(line), ORIGIN)
