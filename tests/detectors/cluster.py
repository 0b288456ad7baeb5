"""A small Kubernetes cluster on ordinary days: kubelets, controllers, applications, a pipeline, and people at work."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from collector.formats.kubernetes_audit import Format
from event_model.event import Event, Origin, Record
from tests.detectors.traffic import START, busy

AUDIT = Origin("audit", "kubernetes_audit", "", "prod")
FORMAT = Format()
PEOPLE = ["anna@example.com", "ben@example.com", "carla@example.com", "dimitri@example.com"]
NODES = ["node-1", "node-2", "node-3"]
NAMESPACES = ["shop", "pay", "search"]


def request(
    moment: datetime, user: str, verb: str, resource: str, namespace: str = "", name: str = "", *,
    sub: str = "", code: int = 200, source: str = "10.0.0.9", agent: str = "kubectl/v1.35.1 (linux/amd64)",
    groups: tuple[str, ...] = ("system:authenticated",), body: Any = None,
) -> Event:  # fmt: skip
    """One audit event of a finished request."""
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    ref = {"resource": resource, "namespace": namespace, "name": name, "subresource": sub, "apiVersion": "v1"}
    record = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete",
        "auditID": f"{moment.timestamp()}-{user}-{verb}", "requestURI": f"/api/v1/{resource}", "verb": verb,
        "user": {"username": user, "groups": list(groups)}, "sourceIPs": [source], "userAgent": agent,
        "objectRef": {key: value for key, value in ref.items() if value},
        "responseStatus": {"code": code}, "requestReceivedTimestamp": stamp, "stageTimestamp": stamp,
    }  # fmt: skip
    if body is not None:
        record["requestObject"] = body
    return FORMAT.normalize(Record(msgspec.json.encode(record)), AUDIT)


def machines(days: int, seed: int) -> Iterator[Event]:
    """Kubelets, the scheduler, and applications that watch their configuration."""
    chance = random.Random(f"machines {seed}")
    for step in range(days * 288):
        moment = START + timedelta(minutes=5 * step)
        for at, node in enumerate(NODES):
            late = moment + timedelta(seconds=chance.uniform(0, 290))
            how = {
                "source": f"10.0.{at}.1",
                "agent": "kubelet/v1.35.1 (linux/amd64)",
                "groups": ("system:nodes",),
            }
            user = f"system:node:{node}"
            yield request(late, user, "patch", "nodes", name=node, sub="status", **how)  # type: ignore[arg-type]
            if chance.random() < 0.3:
                space = chance.choice(NAMESPACES)
                yield request(late, user, "get", "configmaps", space, f"{space}-config", **how)  # type: ignore[arg-type]
                yield request(late, user, "get", "secrets", space, f"{space}-db", **how)  # type: ignore[arg-type]
        late = moment + timedelta(seconds=chance.uniform(0, 290))
        yield request(
            late,
            "system:kube-scheduler",
            "update",
            "leases",
            "kube-system",
            "kube-scheduler",
            agent="kube-scheduler/v1.35.1",
            source="10.0.0.1",
        )
        for space in NAMESPACES:
            late = moment + timedelta(seconds=chance.uniform(0, 290))
            account = f"system:serviceaccount:{space}:app"
            code = 404 if chance.random() < 0.01 else 200
            yield request(
                late,
                account,
                "get",
                "configmaps",
                space,
                f"{space}-config",
                code=code,
                agent="app/1.0",
                source="10.244.1.7",
                groups=("system:serviceaccounts",),
            )


def pipeline(days: int, seed: int) -> Iterator[Event]:
    """A pipeline that releases some times a day."""
    chance = random.Random(f"pipeline {seed}")
    for day in range(days):
        for _ in range(chance.randrange(1, 5)):
            moment = START + timedelta(days=day, hours=chance.uniform(8, 18))
            space = chance.choice(NAMESPACES)
            image = f"registry.example.com/{space}/app:{chance.randrange(900)}"
            body = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}
            how: dict[str, Any] = {
                "agent": "helm/3.16",
                "source": "10.9.0.4",
                "groups": ("system:serviceaccounts",),
            }
            user = "system:serviceaccount:ci:deployer"
            yield request(moment, user, "get", "deployments", space, "app", **how)
            yield request(
                moment + timedelta(seconds=2), user, "patch", "deployments", space, "app", body=body, **how
            )
            yield request(moment + timedelta(seconds=9), user, "list", "pods", space, **how)


def people(days: int, seed: int) -> Iterator[Event]:
    """People look at their own namespaces, now and then into a pod."""
    for at, person in enumerate(PEOPLE):
        chance = random.Random(f"{person} {seed}")
        spaces = [NAMESPACES[at % 3], NAMESPACES[(at + 1) % 3]]
        for step in range(days * 96):
            moment = START + timedelta(minutes=15 * step, seconds=chance.uniform(0, 800))
            if not 8 <= moment.hour <= 17 or moment.weekday() > 4 or chance.random() > 0.5 * busy(moment):
                continue
            source = f"192.0.2.{10 + at}" if chance.random() < 0.9 else f"198.51.100.{10 + at}"
            space = chance.choice(spaces)
            for _ in range(chance.randrange(1, 5)):
                moment += timedelta(seconds=chance.uniform(1, 20))
                verb, what, sub = chance.choices(
                    [
                        ("list", "pods", ""),
                        ("get", "pods", "log"),
                        ("list", "events", ""),
                        ("get", "deployments", ""),
                        ("get", "pods", "exec"),
                    ],
                    [50, 30, 10, 9, 1 if at == 0 else 0],
                )[0]
                code = 403 if chance.random() < 0.002 else 200
                yield request(
                    moment,
                    person,
                    verb,
                    what,
                    space,
                    f"{space}-x2x4z" if sub else "",
                    sub=sub,
                    source=source,
                    code=code,
                )


def ordinary(days: int, seed: int) -> list[Event]:
    """All of the cluster's events in order."""
    streams = (machines(days, seed), pipeline(days, seed), people(days, seed))
    return sorted((each for stream in streams for each in stream), key=lambda each: each.timestamp)


def intruder(moment: datetime) -> list[Event]:
    """An application's token, used from elsewhere: may I, which secrets are there, then one that was not its own."""
    how: dict[str, Any] = {
        "source": "203.0.113.66",
        "agent": "curl/8.5.0",
        "groups": ("system:serviceaccounts",),
    }
    user = "system:serviceaccount:pay:app"
    return [
        request(moment, user, "create", "selfsubjectrulesreviews", code=201, **how),
        request(moment + timedelta(seconds=8), user, "list", "secrets", "pay", code=200, **how),
        request(moment + timedelta(seconds=20), user, "list", "secrets", "kube-system", code=403, **how),
        request(moment + timedelta(seconds=31), user, "get", "secrets", "pay", "pay-db", **how),
    ]
