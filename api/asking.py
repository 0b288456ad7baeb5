"""What several routes are asked with: a query, a span of time, a place to go on from."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
from fastapi import Depends, HTTPException, Query

from api.services import Serve
from store.query import parse
from store.query.ast import Query as Asking
from store.query.ast import both
from store.times import parse_time

Shape = TypeVar("Shape")
PEOPLE = "who:(human or anonymous)"
Words = Annotated[
    str,
    Query(
        description="What to look for, in KQL (`user:alice and verb:create`) or, with `lang=lucene`, Lucene. "
        "Empty is everything.",
        max_length=10_000,
    ),
]
Language = Annotated[Literal["kql", "lucene"], Query(description="The language of `q`.")]
People = Annotated[bool, Query(description="Only what people did, and anonymous callers; no machines.")]
Since = Annotated[
    str,
    Query(description="No earlier than this: `24h`, `yesterday`, `2026-11-02`, RFC 3339 …", max_length=64),
]
Until = Annotated[str, Query(description="Before this; written as `since` is.", max_length=64)]
After = Annotated[str, Query(description="Where to go on: `after` of the page before.", max_length=500)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, with and without the lens that hides machines."""

    text: str
    whole: Asking
    shown: Asking
    people: bool


class Span(NamedTuple):
    """From when until when, as RFC 3339; None where there is no bound."""

    since: str | None
    until: str | None


async def asked(serve: Serve, q: Words = "", lang: Language = "kql", people: People = False) -> Asked:
    """The query that was asked; 400 with the column for one that can't be understood."""
    whole = parse(q, lucene=lang == "lucene", now=serve.now())
    return Asked(q, whole, both([whole, parse(PEOPLE)]) if people else whole, people)


async def span(serve: Serve, since: Since = "", until: Until = "") -> Span:
    """The span of time that was asked for; 400 for what is no time."""
    now = serve.now()
    found = Span(_moment("since", since, now), _moment("until", until, now))
    if found.since and found.until and found.since > found.until:
        raise HTTPException(400, f"since ({found.since}) is later than until ({found.until})")
    return found


def _moment(name: str, text: str, now: datetime) -> str | None:
    if not text:
        return None
    try:
        # always with a fraction, so that two of them compare as text
        return parse_time(text, now).isoformat(timespec="microseconds").replace("+00:00", "Z")
    except ValueError as error:
        raise HTTPException(400, f"{name}: {error}") from None


def cursor(after: Any) -> str | None:
    """Where the next page begins, as text that means nothing to anyone else."""
    return None if after is None else base64.urlsafe_b64encode(msgspec.msgpack.encode(after)).decode()


def uncursor(text: str, shape: type[Shape]) -> Shape | None:
    """The place that `cursor` wrote down; 400 for anything else."""
    if not text:
        return None
    try:
        return msgspec.msgpack.decode(base64.urlsafe_b64decode(text.encode()), type=shape)
    except (ValueError, msgspec.MsgspecError):
        raise HTTPException(400, "after: not what an earlier page gave") from None


AskedFor = Annotated[Asked, Depends(asked)]
When = Annotated[Span, Depends(span)]
