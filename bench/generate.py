"""Write a synthetic but plausible Kubernetes audit log of any length, the same for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 11, 2, tzinfo=UTC)
NAMESPACES = ["shop", "payments", "search", "kube-system", "monitoring", "staging", "ci", "default"]
READS = ["get", "list", "watch"]
WRITES = ["create", "update", "patch", "delete"]
RESOURCES = ["pods", "configmaps", "secrets", "services", "endpoints", "events", "nodes"]
IMAGES = ["registry.example.com/shop/api:1.4.2", "registry.example.com/shop/web:2.0.1", "nginx:1.27"]


def actors() -> list[tuple[str, list[str], str, str, int]]:
    """(user, groups, user agent, address, weight) of everyone in the made-up cluster."""
    nodes = [
        (f"system:node:node-{n}", ["system:nodes", "system:authenticated"], "kubelet/v1.35.4 (linux/amd64) kubernetes/5d0f5f5", f"10.0.0.{n}", 6)
        for n in range(1, 13)
    ]
    accounts = [
        (f"system:serviceaccount:{namespace}:{name}", ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"], f"{name}/v0.9 (linux/amd64) kubernetes/$Format", f"10.1.{n}.7", 4)
        for n, (namespace, name) in enumerate((ns, app) for ns in NAMESPACES for app in ("operator", "app"))
    ]
    people = [
        (f"{name}@example.com", ["developers", "system:authenticated"], "kubectl/v1.35.4 (linux/amd64) kubernetes/5d0f5f5", f"192.168.7.{n}", 1)
        for n, name in enumerate(["alice", "bob", "chen", "dana", "priya"])
    ]
    control = [("system:kube-controller-manager", ["system:authenticated"], "kube-controller-manager/v1.35.4 (linux/amd64) kubernetes/5d0f5f5", "10.0.0.200", 40)]
    return nodes + accounts + people + control  # fmt: skip


def record(chance: random.Random, moment: datetime, everyone: list[Any], weights: list[int]) -> dict[str, Any]:
    """One audit event at `moment`."""
    user, groups, agent, address, _ = chance.choices(everyone, weights)[0]
    write = chance.random() < 0.3
    if write and user.startswith("system:node"):
        verb, resource, group, namespace, name = "update", "leases", "coordination.k8s.io", "kube-node-lease", user[12:]
    else:
        verb = chance.choice(WRITES if write else READS)
        resource, group, namespace = chance.choice(RESOURCES), "", chance.choice(NAMESPACES)
        name = f"{resource[:-1]}-{chance.randrange(400)}"
    code = 403 if chance.random() < 0.004 else 201 if verb == "create" else 200
    stamp = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    reference = {"resource": resource, "namespace": namespace, "apiVersion": "v1", **({"apiGroup": group} if group else {})}
    if verb != "list":
        reference["name"] = name
    prefix = f"/apis/{group}/v1" if group else "/api/v1"
    event: dict[str, Any] = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "auditID": f"{chance.getrandbits(128):032x}", "stage": "ResponseComplete",
        "requestURI": f"{prefix}/namespaces/{namespace}/{resource}/{name}?timeout=10s", "verb": verb,
        "user": {"username": user, "uid": f"{chance.getrandbits(64):016x}", "groups": groups,
                 "extra": {"authentication.kubernetes.io/credential-id": [f"JTI={chance.getrandbits(128):032x}"]}},
        "sourceIPs": [address], "userAgent": agent, "objectRef": reference,
        "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": stamp, "stageTimestamp": stamp,
        "annotations": {"authorization.k8s.io/decision": "forbid" if code == 403 else "allow", "authorization.k8s.io/reason": "" if code == 403 else f'RBAC: allowed by ClusterRoleBinding "{user}" of ClusterRole "edit"'},
    }  # fmt: skip
    if resource == "pods" and verb in ("create", "update"):
        event["level"] = "Request"
        event["requestObject"] = {
            "kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
            "spec": {"containers": [{"name": "app", "image": chance.choice(IMAGES), "resources": {"limits": {"cpu": "500m"}}, "securityContext": {"runAsNonRoot": True}}]},
        }  # fmt: skip
    return event


def lines(count: int, seed: int = 1) -> Iterator[bytes]:
    """`count` records as JSON lines without their ends, a day long."""
    chance = random.Random(seed)
    everyone = actors()
    weights = [each[-1] for each in everyone]
    step = timedelta(days=1) / max(count, 1)
    for n in range(count):
        yield json.dumps(record(chance, START + n * step, everyone, weights), separators=(",", ":")).encode()


def write(path: Path, count: int, seed: int = 1) -> None:
    """`count` records to a file."""
    with open(path, "wb") as file:
        for line in lines(count, seed):
            file.write(line + b"\n")
