"""Search events, and look at one with its raw record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, Field

from api.asking import After, AskedFor, When, cursor, uncursor
from api.auth import Caller
from api.counting import Counting, Counts, fields
from api.problems import MISSING, PROBLEMS
from api.services import Serve
from event_model.fields import document
from event_model.parts import Found

router = APIRouter(prefix="/events", tags=["events"], responses=PROBLEMS)
MOST = 1000  # events on one page
MOST_FIELDS = 20
TOGETHER = 6  # counts that are asked at once
Size = Annotated[int, Query(ge=0, le=MOST, description="Events on the page; 0 to only count.")]
Order = Annotated[Literal["newest", "oldest"], Query(description="Which come first.")]
Bars = Annotated[int, Query(ge=0, le=500, description="Bars of the histogram, at most; 0 for none.")]
Fields = Annotated[
    str,
    Query(
        description="Fields whose commonest values to count, with commas between: `user.name,verb`.",
        max_length=1000,
    ),
]
Id = Annotated[str, Path(pattern="^[0-9a-f]{40}$", description="The event's `tallyman.id`.")]
EXAMPLE = {
    "@timestamp": "2026-11-02T04:11:09Z",
    "user": {"name": "alice"},
    "message": "alice read secret shop/db",
}


class Bar(BaseModel):
    """One bar of the histogram; it reaches to where the next begins."""

    start: str = Field(description="RFC 3339.")
    count: int = Field(description="Events in it.")


class Value(BaseModel):
    """A value of a field."""

    value: Any = Field(description="As the document has it.")
    count: int = Field(description="Events that have it.")


class Hidden(BaseModel):
    """What `people=true` hides."""

    events: int = Field(description="Of machines, that meet the query otherwise.")
    share: float = Field(description="Of all that meet the query: 0 to 1.")


class EventPage(BaseModel):
    """One page of a search."""

    events: list[dict[str, Any]] = Field(
        description="ECS documents, without the raw record.", examples=[[EXAMPLE]]
    )
    total: int = Field(description="How many events meet the query.")
    exact: bool = Field(description="False where `total` is only a lower bound.")
    after: str | None = Field(description="Give it back for the next page; null at the end.")
    hidden: Hidden | None = Field(None, description="With `people=true`: how much that hides.")
    histogram: list[Bar] | None = Field(
        None, description="Counts over time, from `since` or the first event on."
    )
    top: dict[str, list[Value] | None] | None = Field(None, description="By field: its commonest values.")
    left_out: list[str] = Field(
        [], description="Counts that would have taken too long and are null; a shorter span of time helps."
    )


class OneEvent(BaseModel):
    """One event, whole."""

    event: dict[str, Any] = Field(
        description="ECS document; `event.original` is the record as it was read.", examples=[EXAMPLE]
    )
    command: str | None = Field(description="The kubectl or docker command that does the same, to copy.")


@router.get("")
def search(
    serve: Serve, token: Caller, asked: AskedFor, span: When, size: Size = 50, after: After = "",
    order: Order = "newest", histogram: Bars = 0, top: Fields = "",
) -> EventPage:  # fmt: skip
    """One page of the events that meet a query; with counts over time and commonest values if asked for."""
    place, names = uncursor(after, tuple[int, str, int]), fields(top, MOST_FIELDS)
    serve.audit.log(
        token.name, "search", {"q": asked.text, "people": asked.people, **span._asdict()}, serve.now()
    )
    with ThreadPoolExecutor(TOGETHER, "count") as threads:
        counts = Counting(serve.store, asked, span).begin(threads, histogram, names)
        found = serve.store.search(
            asked.shown, **span._asdict(), limit=size, after=place, oldest_first=order == "oldest"
        )
        return _page(found, counts, names, asked.people)


def _page(found: Found, counts: Counts[Any], names: list[str], people: bool) -> EventPage:
    page = EventPage(
        events=[document(event) for event in found.events],
        total=found.total,
        exact=found.exact,
        after=cursor(found.after),
    )
    drawn = counts.get("histogram")
    if drawn is not None:
        page.histogram = [Bar(start=start, count=count) for start, count in drawn]
        if not found.exact:
            page.total, page.exact = sum(bar.count for bar in page.histogram), True
    if names:
        counted = {name: counts.get(f"top {name}") for name in names}
        page.top = {
            name: None if values is None else [Value(value=value, count=count) for value, count in values]
            for name, values in counted.items()
        }
    if people:
        page.hidden = _hidden(page, counts.get("hidden"))
    page.left_out = counts.left_out
    return page


def _hidden(page: EventPage, whole: int | None) -> Hidden | None:
    if whole is None or not page.exact:
        return None
    events = max(0, whole - page.total)
    return Hidden(events=events, share=events / whole if whole else 0.0)


@router.get("/{id}", responses=MISSING)
def one(serve: Serve, token: Caller, id: Id) -> OneEvent:
    """One event with its raw record, and the command that does the same."""
    serve.audit.log(token.name, "view event", {"id": id}, serve.now())
    event = serve.store.get(id)
    if event is None:
        raise HTTPException(404, f"no event {id}: mistyped, or deleted by retention")
    return OneEvent(event=document(event, raw=True), command=serve.command_of(event) or None)
