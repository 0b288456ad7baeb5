"""Serve API and page over a store, beside a running pipeline or alone."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from api.app import create_app
from api.services import Services
from collector.sentences import command as command_of
from event_model.errors import ConfigError
from rules.engine import Pack
from store.database import Database
from store.embedded import Embedded
from store.journal import Journal
from store.query.ast import All
from tallyman.commands.rules import describe
from tallyman.config import Config
from tallyman.follow import follow
from tallyman.opening import now
from tallyman.running import Running

log = logging.getLogger(__name__)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SILENT = 15.0  # seconds without a sign of life after which a writer counts as stopped


def make_services(config: Config, store: Embedded, database: Database, pack: Callable[[], Pack]) -> Services:
    """What the API answers from, over a store and its state."""
    hosts = [*LOOPBACK, "[::1]", "testserver"] if config.api.host in LOOPBACK else ["*"]
    return Services(
        store=store, book=database.alerts, tokens=database.tokens, audit=database.audit,
        rules=lambda: [describe(rule) for rule in pack().rules],
        status=lambda: status_of(config, store, database),
        ready=lambda: ready(store, database),
        metrics=lambda: metrics_of(store, database),
        command_of=command_of,
        follow=lambda: follow(Journal(store.root), store.normalize),
        now=now, hosts=hosts,
    )  # fmt: skip


def status_of(config: Config, store: Embedded, database: Database) -> dict[str, Any]:
    """How things stand, for `tallyman status`, the API and the page."""
    counted = database.counters.load()
    seen = counted.get("seen", 0.0)
    partitions = Journal(store.root).partitions()
    return {
        "running": time.time() - seen < SILENT,
        "started": counted.get("started"),
        "store": {"path": str(config.store.path), "bytes": Journal(store.root).size(), "partitions": len(partitions), "oldest": partitions[0] if partitions else None, "retention": config.store.retention},
        "events": store.count(All()),
        "alerts_open": database.alerts.open_by_severity(),
        "rules": {"loaded": int(counted.get("rules", 0)), "left_out": int(counted.get("rules_broken", 0))},
        "sinks": waiting(database),
        "counters": {name: value for name, value in counted.items() if "_" in name and name != "rules_broken"},
    }  # fmt: skip


def waiting(database: Database) -> dict[str, dict[str, int]]:
    """For each sink, how many alerts wait for it and how many were given up."""
    pending, failed = database.outbox.waiting(), database.outbox.failed()
    return {name: {"pending": pending.get(name, 0), "failed": failed.get(name, 0)} for name in sorted({*pending, *failed})}


def metrics_of(store: Embedded, database: Database) -> dict[str, float]:
    """The running process's counters, and gauges of the store."""
    numbers = {name: float(value) for name, value in database.counters.load().items() if name not in ("started", "seen")}
    numbers["journal_bytes"] = float(Journal(store.root).size())
    for sink, counts in waiting(database).items():
        numbers[f'notify_waiting{{sink="{sink}"}}'] = float(counts["pending"])
        numbers[f'notify_failures{{sink="{sink}"}}'] = float(counts["failed"])
    return numbers


def ready(store: Embedded, database: Database) -> dict[str, str]:
    """Each thing that must work, with `ok` or what is wrong."""
    checks = {"store": _check(lambda: Journal(store.root).partitions()), "state": _check(lambda: database.counters.load())}
    free = shutil.disk_usage(store.root).free
    checks["disk"] = "ok" if free > 64 << 20 else f"{free >> 20} MB left"
    if not os.access(store.root, os.W_OK):
        checks["journal"] = "folder can't be written"
    return checks


def _check(look: Callable[[], Any]) -> str:
    try:
        look()
    except Exception as error:  # whatever it is, it is the answer
        return str(error)
    return "ok"


def listener(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConfigError where that can't be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise ConfigError(f"api: {host}:{port}: {error.strerror}. TALLYMAN_API__PORT=0 takes a free one") from None
    return made


def server(services: Services) -> uvicorn.Server:
    """A server for these services; its own signal handling and logging are left out."""
    config = uvicorn.Config(create_app(services), log_config=None, access_log=False, timeout_graceful_shutdown=2)
    return uvicorn.Server(config)


def address_of(made: socket.socket) -> str:
    host, port = made.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def serve_beside(whole: Running) -> Iterator[str]:
    """Serve while the pipeline runs, from a thread; gives the address."""
    database = Database(whole.config.store.path)
    services = make_services(whole.config, whole.store, database, lambda: whole.pack)
    with serving(services, whole.config.api.host, whole.config.api.port) as address:
        yield address
    database.close()


@contextmanager
def serving(services: Services, host: str, port: int) -> Iterator[str]:
    """Serve from a thread until the block ends; gives the address."""
    made = listener(host, port)
    app = server(services)
    thread = threading.Thread(target=app.run, kwargs={"sockets": [made]}, name="api", daemon=True)
    thread.start()
    try:
        yield address_of(made)
    finally:
        app.should_exit = True
        thread.join(5)
        made.close()
