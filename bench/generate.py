"""Write a synthetic but plausible Kubernetes audit log of any length, the same for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

START = datetime(2026, 11, 2, tzinfo=UTC)
IMAGES = (
    "registry.example.com/shop/api:1.4.2",
    "registry.example.com/shop/web:2.0.1",
    "registry.example.com/ci/tool:7",
)
NAMESPACES = ("shop", "payments", "search", "monitoring", "staging", "ci")
Habit = tuple[int, str, str, str, str]  # weight, verb, API group, resource, namespace


class Actor(NamedTuple):
    """Someone, what they do and how often."""

    weight: int
    user: str
    groups: list[str]
    agent: str
    address: str
    habits: list[Habit]


def actors() -> list[Actor]:
    """Everyone in the made-up cluster: 40 nodes, controllers, operators, applications, a pipeline and people."""
    everyone = [_node(number) for number in range(1, 41)]
    for name in (
        "deployment-controller",
        "replicaset-controller",
        "endpointslice-controller",
        "job-controller",
    ):
        everyone.append(
            _account(
                "kube-system",
                name,
                60,
                "kube-controller-manager",
                [(5, "update", "apps", "replicasets", namespace) for namespace in NAMESPACES]
                + [(3, "create", "", "pods", namespace) for namespace in NAMESPACES]
                + [(1, "create", "", "events", "shop")],
            )
        )
    for namespace in NAMESPACES:
        everyone.append(
            _account(
                namespace,
                "operator",
                25,
                "operator",
                [
                    (6, "update", "coordination.k8s.io", "leases", namespace),
                    (4, "watch", "", "configmaps", namespace),
                    (3, "get", "apps", "deployments", namespace),
                    (1, "patch", "apps", "deployments", namespace),
                ],
            )
        )
        everyone.append(
            _account(
                namespace,
                "app",
                15,
                "app",
                [(5, "get", "", "configmaps", namespace), (3, "list", "", "endpoints", namespace)],
            )
        )
    everyone.append(
        _account(
            "ci",
            "deployer",
            12,
            "kubectl",
            [(3, "patch", "apps", "deployments", namespace) for namespace in NAMESPACES]
            + [(2, "get", "apps", "deployments", namespace) for namespace in NAMESPACES],
        )
    )
    for number, name in enumerate(("alice", "bob", "chen", "dana", "priya"), 1):
        everyone.append(
            Actor(
                2,
                f"{name}@example.com",
                ["developers", "system:authenticated"],
                AGENT.format("kubectl"),
                f"10.9.0.{number}",
                [
                    (6, "list", "", "pods", "shop"),
                    (4, "get", "", "pods", "staging"),
                    (2, "get", "apps", "deployments", "shop"),
                    (1, "delete", "", "pods", "staging"),
                ],
            )
        )
    return everyone


AGENT = "{}/v1.35.4 (linux/amd64) kubernetes/5d0f5f5"


def _node(number: int) -> Actor:
    return Actor(
        12,
        f"system:node:node-{number}",
        ["system:nodes", "system:authenticated"],
        AGENT.format("kubelet"),
        f"10.0.0.{number}",
        [
            (8, "update", "coordination.k8s.io", "leases", "kube-node-lease"),
            (5, "patch", "", "pods/status", "shop"),
            (4, "get", "", "pods", "payments"),
            (2, "watch", "", "configmaps", "search"),
            (1, "get", "", "nodes", ""),
        ],
    )


def _account(namespace: str, name: str, weight: int, agent: str, habits: list[Habit]) -> Actor:
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    address = f"10.1.{len(namespace)}.{len(name)}"
    return Actor(
        weight, f"system:serviceaccount:{namespace}:{name}", groups, AGENT.format(agent), address, habits
    )


def record(chance: random.Random, moment: datetime, actor: Actor) -> dict[str, Any]:
    """One audit event at `moment`, of something that the actor does."""
    _, verb, group, kind, namespace = chance.choices(actor.habits, [habit[0] for habit in actor.habits])[0]
    resource, _, subresource = kind.partition("/")
    name = f"{resource[:-1]}-{chance.randrange(400)}"
    code = 404 if chance.random() < 0.004 else 201 if verb == "create" else 200
    stamp = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    reference = {
        "resource": resource,
        "namespace": namespace,
        "name": name,
        "apiGroup": group,
        "apiVersion": "v1",
        "subresource": subresource,
    }
    if verb in ("list", "watch", "create"):
        del reference["name"]
    place = f"/apis/{group}/v1" if group else "/api/v1"
    event: dict[str, Any] = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "auditID": str(UUID(int=chance.getrandbits(128))), "stage": "ResponseComplete",
        "requestURI": f"{place}/namespaces/{namespace}/{kind}?timeout=10s", "verb": verb,
        "user": {"username": actor.user, "uid": str(UUID(int=chance.getrandbits(128))), "groups": actor.groups,
                 "extra": {"authentication.kubernetes.io/credential-id": [f"JTI={UUID(int=chance.getrandbits(128))}"]}},
        "sourceIPs": [actor.address], "userAgent": actor.agent,
        "objectRef": {key: value for key, value in reference.items() if value},
        "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": stamp, "stageTimestamp": stamp,
        "annotations": {"authorization.k8s.io/decision": "allow",
                        "authorization.k8s.io/reason": f'RBAC: allowed by ClusterRoleBinding "{actor.user}" of ClusterRole "edit" to User "{actor.user}"'},
    }  # fmt: skip
    if verb == "create" and resource == "pods":
        event["level"] = "Request"
        event["requestObject"] = {
            "kind": "Pod", "apiVersion": "v1", "metadata": {"generateName": "api-", "namespace": namespace, "labels": {"app": "api"}},
            "spec": {"containers": [{"name": "app", "image": chance.choice(IMAGES), "resources": {"limits": {"cpu": "500m"}}, "securityContext": {"runAsNonRoot": True}}]},
        }  # fmt: skip
    return event


def lines(count: int, seed: int = 1) -> Iterator[bytes]:
    """`count` records as JSON lines without their ends, a day long."""
    chance = random.Random(seed)
    everyone = actors()
    weights = [actor.weight for actor in everyone]
    step = timedelta(days=1) / max(count, 1)
    for n in range(count):
        made = record(chance, START + n * step, chance.choices(everyone, weights)[0])
        yield json.dumps(made, separators=(",", ":")).encode()


def write(path: Path, count: int, seed: int = 1) -> None:
    """`count` records to a file."""
    with open(path, "wb") as file:
        for line in lines(count, seed):
            file.write(line + b"\n")
