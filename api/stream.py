"""Events and alerts as they come: server-sent events."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Header, HTTPException, Query
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from api.asking import AskedFor
from api.auth import Caller, Secret
from api.feed import Feed, mark, message, still_there
from api.problems import PROBLEMS
from api.services import Serve, Services
from event_model.errors import StoreError
from store.query.predicate import predicate

router = APIRouter(tags=["stream"], responses=PROBLEMS)
PAUSE = 0.2  # seconds between two looks
SILENCE = 15.0  # seconds after which a sign of life is sent, and the token looked at again
MOST = 100  # listeners at one time
AGAIN = b"retry: 2000\n\n"  # milliseconds after which a browser connects again
Events = Annotated[bool, Query(description="Send the events that meet the query.")]
Alerts = Annotated[bool, Query(description="Send new and changed alerts.")]
LastId = Annotated[
    str,
    Header(alias="Last-Event-ID", max_length=100, description="`id` of the last message: goes on behind it."),
]
ABOUT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`event: ready` at once, `event: event` with an ECS document, `event: alert` with "
        "an alert in short (new or changed), and `event: problem` before it ends by an error.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/stream", response_class=StreamingResponse, responses=ABOUT)
def stream(
    serve: Serve, token: Caller, text: Secret, asked: AskedFor,
    events: Events = True, alerts: Alerts = True, last_event_id: LastId = "",
) -> StreamingResponse:  # fmt: skip
    """Events and alerts from now on, or from where an earlier stream ended: nothing in between is lost, and of a
    cluster the last seconds may come again."""
    try:
        since = mark(last_event_id) if last_event_id else None
    except ValueError as error:
        raise HTTPException(400, f"Last-Event-ID: {error}") from None
    feed = Feed(serve, since, predicate(asked.shown) if events else None, alerts)
    serve.audit.log(
        token.name, "follow", {"q": asked.text, "people": asked.people, "events": events}, serve.now()
    )
    return Listening(told(feed, serve, text), serve.listeners)


async def told(feed: Feed, serve: Services, text: str) -> AsyncIterator[bytes]:
    """The messages for one listener, until the server or the listener's token ends."""
    yield AGAIN + b"".join(feed.opening())
    due = time.monotonic() + SILENCE
    try:
        while not serve.ending.is_set():
            fresh = await run_in_threadpool(lambda: list(feed.look()))
            for each in fresh:
                yield each  # returns when it has been sent: a slow listener is waited for
            if not fresh:
                await anyio.sleep(PAUSE)
            if time.monotonic() >= due:
                if await run_in_threadpool(serve.tokens.check, text, serve.now()) is None:
                    return
                yield still_there(feed.mark)
                due = time.monotonic() + SILENCE
    except StoreError as error:
        yield message("problem", {"detail": str(error)}, feed.mark)


class Listening(StreamingResponse):
    """A stream that is one of `all` while it lasts, and leaves nothing behind however it ends."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes], all: set[object]) -> None:
        super().__init__(content, headers={"X-Accel-Buffering": "no"})
        self._content, self._all = content, all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self._all) >= MOST:
            full = JSONResponse({"detail": f"{MOST} listeners already"}, 503, {"Retry-After": "30"})
            await full(scope, receive, send)
            return
        self._all.add(self)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._all.discard(self)
            close = getattr(self._content, "aclose", None)
            if close:
                await close()
