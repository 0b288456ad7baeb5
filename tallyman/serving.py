"""Serve API and page over a store, beside a running pipeline or alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from api.app import create_app
from api.services import LOOPBACK, Services
from collector.commands import command as command_of
from event_model.errors import ConfigError
from rules.engine import Pack
from store.state import State
from tallyman.bounded import Bounded
from tallyman.commands.rules import describe
from tallyman.config import Config
from tallyman.entities import entities_of
from tallyman.follow import follower_of
from tallyman.opening import now
from tallyman.running import Running
from tallyman.standing import metrics_of, ready, status_of
from tallyman.states import open_state

__all__ = ["make_services", "serve_beside", "serving", "status_of"]
MOST_CONNECTIONS = 300
PATIENCE = 60.0  # seconds for the server to begin or end, on whatever machine


def make_services(config: Config, store: Any, state: State, pack: Callable[[], Pack]) -> Services:
    """What the API answers from, over a store and its state."""
    return Services(
        store=Bounded(store),
        book=state.alerts,
        tokens=state.tokens,
        audit=state.audit,
        rules=lambda: [describe(rule) for rule in pack().rules],
        status=lambda: status_of(config, store, state),
        ready=lambda: ready(store, state),
        metrics=lambda: metrics_of(config, store, state),
        command_of=command_of,
        entity=entities_of(config, state).about,
        follow=lambda place: follower_of(store, place),
        now=now,
        # elsewhere it may have any name; our cookie and token are of no use under another one
        hosts=(*LOOPBACK, config.api.host) if is_loopback(config.api.host) else ("*",),
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    return host in ("localhost", "::1") or host.startswith("127.")


def listener(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConfigError where that can't be."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except (OSError, OverflowError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"api: {host}:{port}: {reason}. TALLYMAN_API__PORT=0 takes a free one") from None
    return made


def server(services: Services) -> uvicorn.Server:
    """A server for these services. It writes no log of requests: a token may stand in an address."""
    config = uvicorn.Config(
        create_app(services),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


def address_of(made: socket.socket) -> str:
    host, port = made.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def serve_beside(whole: Running) -> Iterator[str]:
    """Serve while the pipeline runs, from a thread; gives the address."""
    state = open_state(whole.config)
    services = make_services(whole.config, whole.store, state, lambda: whole.pack)
    try:
        with serving(services, whole.config.api.host, whole.config.api.port) as address:
            yield address
    finally:
        state.close()


@contextmanager
def serving(services: Services, host: str, port: int) -> Iterator[str]:
    """Serve from a thread until the block ends; gives the address once it answers."""
    made = listener(host, port)
    try:
        app = server(services)
        thread = threading.Thread(target=app.run, kwargs={"sockets": [made]}, name="api", daemon=True)
        thread.start()
        try:
            _await_start(app, thread)
            yield address_of(made)
        finally:
            services.ending.set()  # streams end by themselves, and are not cut off
            app.should_exit = True
            thread.join(PATIENCE)
    finally:
        made.close()


def _await_start(app: uvicorn.Server, thread: threading.Thread) -> None:
    for _ in range(int(PATIENCE / 0.01)):
        thread.join(0.01)
        if app.started or not thread.is_alive():
            break
    if not app.started:
        raise ConfigError("api: the server did not start; the log says why")
