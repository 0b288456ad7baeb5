"""A proxy in front of a server, that fails in ways a network and a busy cluster do."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

JSON = "application/vnd.elasticsearch+json;compatible-with=8"


@dataclass
class Request:
    """One request on its way to `upstream`, and how to answer it."""

    handler: BaseHTTPRequestHandler
    upstream: str
    body: bytes

    def forward(self, body: bytes | None = None) -> tuple[int, bytes]:
        """What the server answers: status and body."""
        handler, parts = self.handler, urlsplit(self.upstream)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            headers = {
                name: value for name, value in handler.headers.items()
                if name.lower() not in ("host", "content-length", "connection", "accept-encoding")
            }  # fmt: skip
            connection.request(handler.command, handler.path, self.body if body is None else body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def answer(self, status: int, body: bytes, *, cut: int | None = None, kind: str = JSON) -> None:
        """Answer with the body, or with its first `cut` bytes and then hang up. Only the server itself answers in JSON."""
        handler = self.handler
        handler.send_response(status)
        if kind == JSON:
            handler.send_header("X-Elastic-Product", "Elasticsearch")
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body if cut is None else body[:cut])
        handler.wfile.flush()
        handler.close_connection = handler.close_connection or cut is not None

    def hang_up(self) -> None:
        self.handler.close_connection = True

    @property
    def lines(self) -> list[bytes]:
        """Of a bulk request: action, document, action, …"""
        return self.body.split(b"\n")[:-1]


Fault = Callable[[Request], None]


def error(status: int, kind: str = "too_busy", reason: str = "made by a test") -> bytes:
    return json.dumps({"error": {"type": kind, "reason": reason}, "status": status}).encode()


def refuse(status: int) -> Fault:
    """The whole request is answered with a status."""
    return lambda request: request.answer(status, error(status))


def lose(request: Request) -> None:
    """The server does it, and nobody hears of it."""
    request.forward()
    request.hang_up()


def cut(request: Request) -> None:
    """The server does it, and the connection breaks in the middle of its answer."""
    status, body = request.forward()
    request.answer(status, body, cut=len(body) // 2)


def half_busy(request: Request) -> None:
    """The queue is full for every second document."""
    lines = request.lines
    pairs = [lines[at : at + 2] for at in range(0, len(lines), 2)]
    status, body = request.forward(b"".join(line + b"\n" for pair in pairs[::2] for line in pair))
    done = iter(json.loads(body)["items"])
    full = {
        "create": {
            "status": 429,
            "error": {"type": "es_rejected_execution_exception", "reason": "queue full"},
        }
    }
    items: list[Any] = [next(done) if at % 2 == 0 else full for at in range(len(pairs))]
    request.answer(status, json.dumps({"items": items}).encode())


@dataclass
class Proxy:
    """Answers at `url`; each bulk request meets the next of `faults`, and goes through when there is none left."""

    upstream: str
    faults: list[Fault] = field(default_factory=list)
    bulks: list[int] = field(default_factory=list)  # documents of each bulk request
    most_bytes: int | None = None  # of a request; a larger one is refused as proxies do, in HTML
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, request: Request) -> None:
        fault = None
        if self.most_bytes is not None and len(request.body) > self.most_bytes:
            request.answer(413, b"<html><h1>413 Request Entity Too Large</h1></html>", kind="text/html")
            return
        if request.handler.path.partition("?")[0].endswith("/_bulk"):
            with self._lock:
                self.bulks.append(len(request.lines) // 2)
                fault = self.faults.pop(0) if self.faults else None
        if fault:
            fault(request)
        else:
            request.answer(*request.forward())


@contextmanager
def proxy(upstream: str, *faults: Fault) -> Iterator[Proxy]:
    made = Proxy(upstream, list(faults))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with suppress(OSError):  # whoever asked has given up
                made.handle(Request(self, upstream, body))

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _any

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
