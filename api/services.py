"""What the API answers from; made by the application, handed to every route."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fastapi import Request

from event_model.event import Event
from event_model.parts import Store


@dataclass(slots=True)
class Services:
    store: Store
    book: Any  # store.alerts.AlertBook
    tokens: Any  # store.tokens.Tokens
    audit: Any  # store.audit.AuditLog: what people did with this program
    rules: Callable[[], list[dict[str, Any]]]  # what each loaded rule says of itself
    status: Callable[[], dict[str, Any]]
    ready: Callable[[], dict[str, str]]  # check -> "ok" or what is wrong
    metrics: Callable[[], dict[str, float]]
    command_of: Callable[[Event], str | None]  # the equivalent kubectl or docker command
    follow: Callable[[], Iterator[list[Event]]]  # events from now on; an empty list where nothing came
    now: Callable[[], datetime]
    hosts: list[str] = field(default_factory=lambda: ["127.0.0.1", "localhost", "[::1]", "testserver"])
    secure_cookie: bool = False  # only where TLS ends before us


def services(request: Request) -> Services:
    """The services of the application that this request came to."""
    found: Services = request.app.state.services
    return found
