"""What a JSON object with names of the Elastic Common Schema tells of behaviour; any other object tells nothing."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any

from collector.log_behaviour import told
from collector.networks import network
from event_model.behaviour import Behaviour, Facets
from event_model.event import Event
from event_model.fields import agent_name, image_name

MOST = 200  # characters of a value
ACTORS = ("user.name", "user.id", "service.name", "container.name", "process.name", "host.name")
_PEOPLE = ("user.name", "user.id")
_FACETS = (
    "event.action", "event.category", "event.dataset", "event.outcome", "http.request.method",
    "http.response.status_code", "orchestrator.namespace", "kubernetes.namespace", "source.ip", "user_agent.original",
    "container.image.name",
)  # fmt: skip


def field(native: Any, name: str) -> Any:
    """The value under an ECS name, written with dots or as objects in objects; None where there is none."""
    found = native.get(name)
    if found is not None:
        return found
    for part in _parts(name):
        if type(native) is not dict:
            return None
        native = native.get(part)
    return native


@cache
def _parts(name: str) -> tuple[str, ...]:
    return tuple(name.split("."))


def key(event: Event) -> Hashable:
    """The values that facets are made of; None without anybody who acts."""
    native = event.native
    who = next(((name, value) for name in ACTORS if (value := word(native, name))), None)
    return None if who is None else (who, *(word(native, name) for name in _FACETS))


def word(native: Any, name: str) -> str | None:
    """A value as one word: the first of a list, None of an object."""
    value = field(native, name)
    if isinstance(value, list) and value:
        value = value[0]
    return str(value)[:MOST] if isinstance(value, str | int | float) and value != "" else None


def facets(event: Event) -> Facets | None:
    """Who did what, from where."""
    native = event.native
    name, who = next(((name, value) for name in ACTORS if (value := word(native, name))), ("", ""))
    if not who:
        return None
    get = {each: word(native, each) for each in _FACETS}
    source, agent, image = get["source.ip"], get["user_agent.original"], get["container.image.name"]
    action = get["event.action"] or get["http.request.method"] or get["event.dataset"] or "event"
    return Facets(
        actor=who,
        group="users" if name in _PEOPLE else "services",
        action=action,
        kind=get["event.category"] or "event",
        namespace=get["orchestrator.namespace"] or get["kubernetes.namespace"],
        source=network(source) if source else None,
        client=agent_name(agent),
        outcome=_outcome(get["event.outcome"], get["http.response.status_code"]),
        images=(image_name(image),) if image else (),
    )


def _outcome(said: str | None, code: str | None) -> str:
    if said == "failure":
        return "failed"
    if code is None or not code.isdigit() or int(code) < 400:
        return "ok"
    named = {401: "unauthenticated", 403: "denied", 404: "missing"}
    return named.get(int(code)) or ("failed" if int(code) >= 500 else "rejected")


def number(event: Event, name: str) -> float | None:
    """A number, None for what is none."""
    value = field(event.native, name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def duration(event: Event) -> float | None:
    """`event.duration` is in nanoseconds."""
    found = number(event, "event.duration")
    return None if found is None else found / 1e9


def received(event: Event) -> float | None:
    return number(event, "source.bytes")


def sent(event: Event) -> float | None:
    """Bytes of the answer."""
    found = number(event, "http.response.bytes")
    return number(event, "destination.bytes") if found is None else found


def text(event: Event) -> str | None:
    """The message with its level; None for an object that holds no message."""
    message = event.native.get("message")
    if not isinstance(message, str) or not message:
        return None
    level = word(event.native, "log.level")
    message = told(message) if message.startswith("{") else message
    return f"{level}: {message}" if level else message


BEHAVIOUR = Behaviour(
    key, facets, numbers={"duration": duration, "received bytes": received, "sent bytes": sent}, text=text
)
