"""Search events, and look at one with its raw record."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, HTTPException, Query

from api.auth import Caller, Serve
from event_model.event import Event
from event_model.fields import document
from store.query import parse
from store.times import parse_time

router = APIRouter(prefix="/events", tags=["events"])
MOST = 1000  # events on one page


def moment(text: str | None, now: datetime) -> str | None:
    """A time as people write it (`1h`, `2026-11-02`, RFC 3339) as RFC 3339, or None for no bound."""
    if not text:
        return None
    return parse_time(text, now).isoformat().replace("+00:00", "Z")


def cursor(after: Any) -> str | None:
    """Where the next page begins, as text that means nothing to anyone else."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(after)).decode() if after is not None else None


def uncursor(text: str | None) -> Any:
    """The place that `cursor` wrote down; 400 for anything else."""
    if not text:
        return None
    try:
        return msgspec.msgpack.decode(base64.urlsafe_b64decode(text))
    except (ValueError, msgspec.DecodeError):
        raise HTTPException(400, "after: not a cursor that an earlier page gave") from None


@router.get("")
def search(
    serve: Serve,
    token: Caller,
    q: Annotated[str, Query(description="KQL, or Lucene with lang=lucene", max_length=10_000)] = "",
    since: Annotated[str | None, Query(description="`24h`, `2026-11-02`, RFC 3339 …")] = None,
    until: str | None = None,
    size: Annotated[int, Query(ge=0, le=MOST)] = 50,
    after: Annotated[str | None, Query(description="`after` of the page before")] = None,
    order: Literal["newest", "oldest"] = "newest",
    lang: Literal["kql", "lucene"] = "kql",
    histogram: Annotated[int, Query(ge=0, le=500, description="how many bars; 0 for none")] = 0,
    top: Annotated[str, Query(description="fields, with commas between: their commonest values")] = "",
) -> dict[str, Any]:
    """One page of events that match, newest first; with counts over time and commonest values if asked for."""
    query, now = parse(q, lucene=lang == "lucene"), serve.now()
    bounds = {"since": moment(since, now), "until": moment(until, now)}
    found = serve.store.search(
        query, **bounds, limit=size, after=uncursor(after), oldest_first=order == "oldest"
    )
    serve.audit.log(token.name, "search", {"q": q, **bounds}, now)
    answer: dict[str, Any] = {
        "events": [document(event) for event in found.events],
        "total": found.total,
        "exact": found.exact,
        "after": cursor(found.after),
    }
    if histogram:
        counted = serve.store.histogram(query, **bounds, buckets=histogram)
        answer["histogram"] = [{"start": start, "count": count} for start, count in counted]
    if top:
        answer["top"] = {
            field: [{"value": value, "count": count} for value, count in serve.store.top(query, field, **bounds, size=10)]
            for field in top.split(",")[:20]
        }
    return answer


@router.get("/{id}")
def one(serve: Serve, token: Caller, id: str) -> dict[str, Any]:
    """One event with its raw record, and the command that does the same."""
    event: Event | None = serve.store.get(id)
    if event is None:
        raise HTTPException(404, f"no event {id!r}: mistyped, or deleted by retention")
    serve.audit.log(token.name, "view event", {"id": id}, serve.now())
    return {"event": document(event, raw=True), "command": serve.command_of(event)}
