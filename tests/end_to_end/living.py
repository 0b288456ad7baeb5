"""`tallyman run` in this process: configured, running in a thread, and what came of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from event_model.event import Event
from store.query import parse
from tallyman.config import Config
from tallyman.running import Running, running
from tests.end_to_end.waiting import until

RULE = """\
title: Something was deleted
id: 0a4d4a52-8c2e-4f0e-9d1d-6f6f3d8f0b11
logsource: {product: kubernetes, service: audit}
detection:
  selection: {verb: delete}
  condition: selection
level: high
group_by: [user.name]
"""


def record(number: int, **parts: Any) -> bytes:
    """An audit record of its own for each number."""
    whole = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": f"id-{number}", "stage": "ResponseComplete",
        "requestURI": f"/api/v1/namespaces/shop/pods/p{number}", "verb": "get",
        "user": {"username": f"user-{number}", "groups": ["system:authenticated"]}, "sourceIPs": ["10.0.0.9"], "userAgent": "kubectl/v1.35.4",
        "objectRef": {"resource": "pods", "namespace": "shop", "name": f"p{number}", "apiVersion": "v1"}, "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-11-02T10:00:00.000000Z", "stageTimestamp": "2026-11-02T10:00:00.100000Z",
    }  # fmt: skip
    return json.dumps({**whole, **parts}).encode()


def configured(root: Path, **parts: Any) -> Config:
    """One file as source, one rule, one file as sink, everything below `root`; `parts` replace sections."""
    (root / "rules").mkdir(parents=True, exist_ok=True)
    if not (root / "rules" / "something_deleted.yml").exists():
        (root / "rules" / "something_deleted.yml").write_text(RULE)
    sections: dict[str, Any] = {
        "sources": {
            "audit": {
                "type": "file",
                "paths": [str(root / "audit.log")],
                "format": "kubernetes_audit",
                "poll": 0.1,
            }
        },
        "sinks": {"told": {"type": "file", "path": str(root / "alerts.ndjson")}},
        "rules": {"packs": [str(root / "rules")]},
        "store": {"path": str(root / "store")},
        "detectors": {"enabled": []},
        "api": {"enabled": False},
    }
    return Config.model_validate({**sections, **parts})


@dataclass
class Living:
    whole: Running
    root: Path
    stop: threading.Event
    thread: threading.Thread

    def count(self, query: str = "") -> int:
        return self.whole.store.count(parse(query))

    def events(self, query: str = "", limit: int = 1000) -> list[Event]:
        return self.whole.store.search(parse(query), limit=limit, oldest_first=True).events

    def told(self) -> list[str]:
        """The users of the alerts that the file holds; the last line may be half written just now."""
        path = self.root / "alerts.ndjson"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return [json.loads(line)["user"]["name"] for line in lines]

    def until_count(self, number: int, query: str = "") -> None:
        until(lambda: self.count(query) >= number, 60, self.thread.is_alive)

    def users(self) -> list[str]:
        return [event.user_name or "" for event in self.events("event.kind:event")]

    def reasons(self) -> list[str]:
        """Why the dead letters are what they are."""
        return [event.reason or "" for event in self.events("event.kind:pipeline_error")]


@contextmanager
def living(root: Path, config: Config | None = None) -> Iterator[Living]:
    """A run until the block ends. Raises what ended it before."""
    errors: list[BaseException] = []
    stop = threading.Event()
    with running(config or configured(root)) as whole:

        def run() -> None:
            try:
                whole.pipeline.run(stop)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run, name="run")
        thread.start()
        try:
            yield Living(whole, root, stop, thread)
        finally:
            stop.set()
            thread.join(60)
            assert not thread.is_alive()
    if errors:
        raise errors[0]
