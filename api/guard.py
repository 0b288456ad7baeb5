"""Refuse what no route should see, and give every answer the headers that keep a browser safe."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
LONGEST_BODY = 256 << 10  # bytes
_READS = ("GET", "HEAD", "OPTIONS")
_TOO_LONG = f"the body is longer than {LONGEST_BODY} bytes"


class Guard:
    """Around the whole application. Written for ASGI, so that streams pass through it as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        refusal = None if scope["method"] in _READS else _refusal(Headers(scope=scope))
        await (refusal or self._app)(scope, _bounded(receive), safely)


def _refusal(headers: Headers) -> JSONResponse | None:
    """What is wrong with a request that would change something."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        # another site can make a browser send a form, but JSON only where we allow it, and we don't
        return JSONResponse({"detail": "send application/json"}, 415)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LONGEST_BODY:
        return JSONResponse({"detail": _TOO_LONG}, 413)
    return None


def _bounded(receive: Receive) -> Receive:
    """A body of which no length was told is bounded too."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LONGEST_BODY:
            raise HTTPException(413, _TOO_LONG)
        return message

    return bounded


def _add_headers(headers: MutableHeaders, path: str) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-cache" if path.startswith("/page/") else "no-store")
