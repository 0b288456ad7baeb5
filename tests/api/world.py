"""A small store with everything around it, for the tests of this folder."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from api.app import create_app
from api.services import Services
from event_model.event import Event, Origin, Record
from event_model.parts import Batch
from rules.engine import Engine, load
from store.database import Database
from store.embedded import Embedded
from store.journal import Journal
from tallyman.config import Config, StoreConfig
from tallyman.normalizer import Normalizer
from tallyman.serving import make_services

with warnings.catch_warnings():  # Starlette would rather have httpx's successor, which few have yet
    warnings.filterwarnings("ignore", "Using `httpx`")
    from fastapi.testclient import TestClient

__all__ = ["BASE", "JSON", "MACHINE", "NINE", "TestClient", "World", "day", "record", "world"]
NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BASE = "http://127.0.0.1"
JSON = {"Content-Type": "application/json"}
RULE = """\
title: Secret read
id: 0a4d4a52-8c2e-4f0e-9d1d-6f6f3d8f0b12
status: stable
description: Someone read a secret.
tags: [attack.credential-access, attack.t1552]
logsource: {product: kubernetes, service: audit}
detection:
  selection: {verb: get, objectRef.resource: secrets}
  condition: selection
level: high
group_by: [user.name, orchestrator.resource.name]
"""
MACHINE = "system:serviceaccount:kube-system:job-controller"


def record(
    number: int,
    user: str = MACHINE,
    verb: str = "update",
    resource: str = "pods",
    name: str = "",
    **more: Any,
) -> bytes:
    """What a cluster logged in minute `number` after nine."""
    stamp = (NINE + timedelta(minutes=number)).isoformat().replace("+00:00", "Z")
    return json.dumps(
        {
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": f"id-{number}",
            "stage": "ResponseComplete", "requestURI": f"/api/v1/namespaces/shop/{resource}", "verb": verb,
            "user": {"username": user, "groups": ["system:authenticated"]}, "sourceIPs": ["203.0.113.7"],
            "userAgent": "kubectl/v1.35.4", "responseStatus": {"code": 200},
            "objectRef": {"resource": resource, "namespace": "shop", "name": name or f"n{number}"},
            "requestReceivedTimestamp": stamp, "stageTimestamp": stamp, **more,
        }
    ).encode()  # fmt: skip


def day() -> list[bytes]:
    """Sixty minutes: machines at work, Alice reading three secrets, an anonymous caller, a truncated line."""
    lines = [record(number) for number in range(50)]
    lines += [record(50 + each, "alice@example.com", "get", "secrets", f"s{each}") for each in range(3)]
    lines += [record(53, "system:anonymous", "get", "pods"), b'{"kind":"Event","apiVer']
    return lines


@dataclass
class World:
    """A store that a collecting process writes, and the API over it."""

    root: Path
    journal: Journal
    store: Embedded
    database: Database
    services: Services
    engine: Engine
    app: FastAPI
    time: datetime = NINE + timedelta(hours=2)
    _offset: int = field(default=0, init=False)

    def write(self, lines: list[bytes]) -> None:
        """What `tallyman run` does with lines of a log."""
        records = []
        for line in lines:
            records.append(Record(line, self._offset))
            self._offset += len(line) + 1
        origin = Origin("audit", "kubernetes_audit", "/var/log/audit.log", "prod")
        entries = self.journal.append(
            Batch(origin, records, "a.log", self._offset, self.time.timestamp()),
            {number: "cut off" for number, line in enumerate(lines) if not line.endswith(b"}")},
        )
        events: list[Event] = [self.store.normalize(entry) for entry in entries]
        self.store.add(zip(entries, events, strict=True))
        self.store.commit()
        matches = self.engine.inspect([event for event in events if event.kind == "event"])
        last = entries[-1]
        self.database.alerts.record(matches, self.time.timestamp(), (last.partition, last.pointer))

    def client(self, role: str = "analyst", name: str = "ana") -> TestClient:
        """Someone with a token."""
        token = self.database.tokens.create(name, role, None, self.time)
        return TestClient(self.app, BASE, headers={"Authorization": f"Bearer {token}"})

    def stranger(self) -> TestClient:
        return TestClient(self.app, BASE, follow_redirects=False)

    def acts(self, action: str) -> list[dict[str, Any]]:
        """What the audit log has of this kind, newest first."""
        return self.database.audit.listed(100, action=action)


@contextmanager
def world(root: Path, lines: list[bytes]) -> Iterator[World]:
    """A world in which these lines were logged."""
    (root / "rules").mkdir()
    (root / "rules" / "secret_read.yml").write_text(RULE)
    pack = load([root / "rules"])
    assert not pack.errors
    with Journal(root / "store", writable=True) as journal:
        normalize = Normalizer({"audit": {}})
        with Embedded(root / "store", normalize, writable=True) as store:
            database = Database(root / "store")
            config = Config(store=StoreConfig(path=root / "store"))
            services = make_services(config, store, database, lambda: pack)
            made = World(
                root / "store", journal, store, database, services, Engine(pack.rules), create_app(services)
            )
            services.now = lambda: made.time
            if lines:
                made.write(lines)
            yield made
            database.close()
