"""What the API answers from; made by the application, handed to every route."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event as Flag
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from api.attempts import Attempts
from event_model.event import Event
from event_model.parts import Store
from store.state import Acts, Alerts, Tokens

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
Place = tuple[str, int]  # in the journal: partition, pointer


class Following(Protocol):
    """A reader of the journal as it grows."""

    place: Place  # behind what was read
    gone: bool  # what it should have gone on from was deleted meanwhile

    def look(self) -> list[tuple[Place, Event]]:
        """Some of the events that have come, each with its place; none where nothing has come."""
        ...


@dataclass(slots=True)
class Services:
    store: Store  # its methods raise TimeoutError rather than look at everything
    book: Alerts
    tokens: Tokens
    audit: Acts  # what people did with this program
    rules: Callable[[], list[dict[str, Any]]]  # what each loaded rule says of itself
    status: Callable[[], dict[str, Any]]
    ready: Callable[[], dict[str, str]]  # check -> "ok" or what is wrong
    metrics: Callable[[], dict[str, float]]  # `name{label="value"}` -> number
    command_of: Callable[[Event], str]  # the equivalent kubectl or docker command, or nothing
    entity: Callable[[str, str | None], dict[str, Any] | None]  # what is usual for it in a cluster
    follow: Callable[[Place | None], Following]  # from a place on, or from now on
    now: Callable[[], datetime]
    hosts: tuple[str, ...] = LOOPBACK  # names by which it may be called; `*` for any
    ending: Flag = field(default_factory=Flag)  # set when the server stops: streams end by themselves
    attempts: Attempts = field(default_factory=Attempts)
    listeners: set[object] = field(default_factory=set)  # the streams that are open


async def services(request: Request) -> Services:
    """The services of the application that this request came to."""
    found: Services = request.app.state.services
    return found


Serve = Annotated[Services, Depends(services)]
