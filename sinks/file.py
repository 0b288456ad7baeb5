"""Append each alert to a file as one JSON line, each alert once even across a crash."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

TAIL = 4 << 20  # bytes looked through for alerts written before a crash
REMEMBERED = 100_000


@dataclass(slots=True)
class Sink:
    path: Path  # NDJSON; made with mode 0600, appended to, never rotated by us: rename it and a new one is begun
    _written: OrderedDict[str, None] = field(default_factory=OrderedDict, init=False, repr=False)
    _inode: int = field(default=-1, init=False, repr=False)

    def send(self, alerts: list[dict[str, Any]]) -> None:
        """Append and fsync those not in the file yet. Raises OSError (disk full, folder gone)."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._recall(descriptor)
            fresh = [alert for alert in alerts if _id(alert) not in self._written]
            if not fresh:
                return
            start = os.fstat(descriptor).st_size
            try:
                _write(descriptor, b"".join(orjson.dumps(alert) + b"\n" for alert in fresh))
            except OSError:
                os.ftruncate(descriptor, start)  # half a line must not stay
                raise
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._remember(_id(alert) for alert in fresh)

    def _recall(self, descriptor: int) -> None:
        """Learn what the file's tail holds, when it is opened first or was replaced; cut a torn last line."""
        status = os.fstat(descriptor)
        if status.st_ino == self._inode:
            return
        start = max(0, status.st_size - TAIL)
        tail = os.pread(descriptor, TAIL, start)
        whole = tail.rpartition(b"\n")[0]
        if tail and not tail.endswith(b"\n"):
            os.ftruncate(descriptor, start + len(whole) + bool(whole))
        lines = whole.split(b"\n")[1 if start else 0 :]
        self._inode = status.st_ino
        self._remember(_id(orjson.loads(line)) for line in lines if line.startswith(b"{"))

    def _remember(self, ids: Any) -> None:
        self._written.update(dict.fromkeys(ids))
        while len(self._written) > REMEMBERED:
            self._written.popitem(last=False)


def _id(alert: dict[str, Any]) -> str:
    return str(alert["kibana"]["alert"]["uuid"])


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
