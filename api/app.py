"""The web application: routes under /api/v1, probes, and one small page."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api import alerts, audit, entities, events, metrics, rules, session, status, stream
from api.guard import Guard
from api.problems import explain
from api.services import Services

_ABOUT = """\
Search audit events, decide on alerts, follow both live.

Give a token as `Authorization: Bearer …`; `tallyman token create NAME` makes one. Times may be written as
people do (`1h`, `yesterday`, `2026-11-02`, RFC 3339); answers have RFC 3339 in UTC. Every error is
`{"detail": "…"}`. What changes something is sent as `application/json`.
"""
_TAGS = [
    {"name": "events", "description": "What happened."},
    {"name": "alerts", "description": "What someone should look at, and what was decided about it."},
    {"name": "entities", "description": "Who acts, and what is usual for them."},
    {"name": "rules", "description": "What is looked for."},
    {"name": "stream", "description": "Events and alerts as they come."},
    {"name": "status", "description": "How things stand."},
    {"name": "session", "description": "Who is asking."},
    {"name": "audit", "description": "What people did with this program."},
]


def create_app(serve: Services) -> FastAPI:
    """The application over these services."""
    app = FastAPI(
        title="Tallyman",
        description=_ABOUT,
        version="1",
        openapi_tags=_TAGS,
        docs_url=None,  # its assets would come from elsewhere; /openapi.json is there
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name,
    )
    app.state.services = serve
    for part in (events, alerts, entities, rules, stream, status, session, audit):
        app.include_router(part.router, prefix="/api/v1")
    for router in (status.probes, metrics.router, session.front):
        app.include_router(router)
    app.mount("/page", StaticFiles(directory=session.PAGE), name="page")
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=serve.hosts, www_redirect=False)  # DNS rebinding
    app.add_middleware(Guard)
    explain(app)
    return app


def _name(route: APIRoute) -> str:
    """`events_search`: what generated clients call it."""
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name
