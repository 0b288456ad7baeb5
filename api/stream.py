"""Events and alerts as they come: server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from api.auth import Caller, Serve
from event_model.fields import document
from store.query import parse
from store.query.predicate import predicate

router = APIRouter(tags=["stream"])
PAUSE = 0.2  # seconds between two looks; what came meanwhile is sent together
MOST = 400  # events sent at one look; beyond it the reader is told how many were left out


@router.get("/stream", response_class=EventSourceResponse)
async def stream(
    request: Request,
    serve: Serve,
    token: Caller,
    q: Annotated[str, Query(max_length=10_000)] = "",
    lang: Literal["kql", "lucene"] = "kql",
    events: Annotated[bool, Query(description="events that match")] = True,
    alerts: Annotated[bool, Query(description="new and changed alerts")] = True,
) -> AsyncIterator[ServerSentEvent]:
    """`event: event` with an ECS document, `event: alert` with an alert, `event: sampled` when too much comes."""
    wanted = predicate(parse(q, lucene=lang == "lucene"))
    comes = serve.follow()
    seen = await run_in_threadpool(serve.book.latest_change)
    while not await request.is_disconnected():
        fresh = await run_in_threadpool(next, comes) if events else []
        matching = [event for event in fresh if wanted(event)]
        for event in matching[:MOST]:
            yield ServerSentEvent(event="event", data=document(event))
        if len(matching) > MOST:
            yield ServerSentEvent(event="sampled", data={"left_out": len(matching) - MOST})
        if alerts:
            changed, seen = await run_in_threadpool(serve.book.changed_since, seen)
            for alert in changed:
                yield ServerSentEvent(event="alert", data=alert)
        if not fresh:
            await asyncio.sleep(PAUSE)
