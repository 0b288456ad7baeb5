"""The web application: routes under /api/v1, probes, and one small page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

from fastapi import Cookie, FastAPI, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api import alerts, events, rules, status, stream
from api.auth import COOKIE, SESSION_HOURS, Serve
from api.services import Services
from event_model.errors import QueryError, StoreError

PAGE = Path(__file__).parent / "page"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


def create_app(serve: Services) -> FastAPI:
    """The application over these services."""
    app = FastAPI(
        title="Tallyman",
        summary="Search audit events, decide on alerts, follow both live.",
        version="1",
        docs_url=None,  # its assets would come from elsewhere; /openapi.json is there
        redoc_url=None,
    )
    app.state.services = serve
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=serve.hosts)  # no rebinding of names to loopback
    app.middleware("http")(_secure)
    for part in (events, alerts, rules, status, stream):
        app.include_router(part.router, prefix="/api/v1")
    app.include_router(status.probes)
    app.add_api_route("/", _front, include_in_schema=False)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    app.add_exception_handler(QueryError, _misunderstood)
    app.add_exception_handler(StoreError, _unavailable)
    return app


def _front(
    serve: Serve, token: Annotated[str, Query()] = "", session: Annotated[str, Cookie(alias=COOKIE)] = ""
) -> Response:
    """The page; a one-time token in the address becomes a session and leaves the address."""
    if not token:
        return FileResponse(PAGE / "index.html")
    made = serve.tokens.redeem(token, SESSION_HOURS * 3600, serve.now())
    if made is None and not session:
        return Response("This link was used or is too old. `tallyman token login` makes a new one.\n", 401)
    answer = RedirectResponse("/", 303)
    if made is not None:
        answer.set_cookie(
            COOKIE, made, max_age=SESSION_HOURS * 3600, httponly=True, samesite="strict", secure=serve.secure_cookie
        )
    return answer


async def _secure(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    answer = await go_on(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    if request.url.path.startswith("/api/"):
        answer.headers.setdefault("Cache-Control", "no-store")
    return answer


async def _misunderstood(request: Request, error: Exception) -> JSONResponse:
    """400 with the text of the error and the column it points at."""
    column = error.column if isinstance(error, QueryError) else 0
    return JSONResponse({"detail": str(error), "column": column}, 400)


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 503, headers={"Retry-After": "5"})
