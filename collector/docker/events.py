"""An event of the Docker Engine API, and the ECS event that it becomes."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from collector import lenient
from collector.docker.acts import act_of
from collector.docker.sentences import sentence
from collector.moments import NO_TIME, from_nanoseconds, from_seconds
from event_model.errors import Unreadable
from event_model.event import Event, Origin, Record
from event_model.ready import ready

DATASET = "docker.events"
NATIVE = "docker.event"

# attributes of a container that are no labels of it
_FIELDS = frozenset(
    ("image", "name", "exitCode", "execID", "signal", "oldName", "imageID", "imageRef", "comment")
)
_OF_IMAGES = frozenset(("pull", "push", "tag", "untag", "delete", "import", "load", "save"))


class Actor(Struct, frozen=True):
    """What it happened to; `Attributes` mixes a container's labels with fields of the event."""

    ID: str = ""
    Attributes: dict[str, str] = {}


class Docker(Struct, frozen=True):
    """An event under the engine's own names."""

    Type: str = ""
    Action: str = ""
    Actor: Actor = Actor()
    scope: str = ""
    time: int = 0
    timeNano: int = 0


class Old(Struct, frozen=True, rename={"image": "from"}):
    """What an engine before 1.10 wrote instead."""

    status: str = ""
    id: str = ""
    image: str = ""


ready(Old)


_decode = msgspec.json.Decoder(Docker).decode


def read(raw: bytes) -> tuple[Docker, tuple[str, ...]]:
    """The event, and the parts of it that were not as they should be. Raises Unreadable."""
    malformed: tuple[str, ...] = ()
    try:
        event = _decode(raw)
    except (ValueError, RecursionError):
        event, malformed = lenient.read(raw, Docker)
    if not event.Type or not event.Action:
        event = _completed(raw, event)
    return event, malformed


def _completed(raw: bytes, event: Docker) -> Docker:
    """With type and action as older engines told them. Raises Unreadable for what is no event of Docker."""
    old, _ = lenient.read(raw, Old)
    action = event.Action or old.status
    if not action or not (event.Type or old.status):
        raise Unreadable("no Docker event: it needs a Type and an Action")
    kind = event.Type or ("image" if action in _OF_IMAGES else "container")
    attributes = event.Actor.Attributes or ({"image": old.image} if old.image else {})
    return Docker(
        kind, action, Actor(event.Actor.ID or old.id, attributes), event.scope, event.time, event.timeNano
    )


def build(record: Record, origin: Origin, docker: Docker, malformed: tuple[str, ...] = ()) -> Event:
    """The ECS event of an event of the engine."""
    kind, attributes, identifier = docker.Type, docker.Actor.Attributes, docker.Actor.ID
    action, _, rest = docker.Action.partition(":")
    action, rest = action.strip(), rest.strip()
    category, types = act_of(kind, action)
    exit_code = _number(attributes.get("exitCode"))
    timestamp = from_nanoseconds(docker.timeNano) if docker.timeNano else None
    timestamp = timestamp or (from_seconds(docker.time) if docker.time else None)
    if timestamp is None:
        timestamp, malformed = NO_TIME, (*malformed, "timeNano")
    is_container, is_exec = kind == "container", action.startswith("exec_")
    name = attributes.get("name") or (identifier if kind in ("volume", "image") else None)
    return Event(
        record, origin, docker, sentence, timestamp, DATASET, "docker", "dockerd",
        action=action or None, category=category, type=types, outcome=_outcome(action, rest, exit_code),
        reason=(rest or None) if action == "health_status" else None,
        cluster=origin.cluster or None,
        orchestrator="docker-swarm" if docker.scope == "swarm" else None,
        resource_type=kind or None, resource_name=name or None, resource_id=identifier or None,
        container_id=(identifier if is_container else attributes.get("container")) or None,
        container_name=(attributes.get("name") or None) if is_container else None,
        images=_images(kind, identifier, attributes),
        container_labels=_labels(attributes) if is_container else None,
        command_line=(rest or None) if is_exec else None,
        exit_code=exit_code,
        labels={"malformed": ", ".join(dict.fromkeys(malformed))} if malformed else None,
        native_name=NATIVE,
    )  # fmt: skip


def _outcome(action: str, rest: str, exit_code: int | None) -> str:
    failed = action == "oom" or (action in ("die", "exec_die") and exit_code) or rest == "unhealthy"
    return "failure" if failed else "success"


def _images(kind: str, identifier: str, attributes: dict[str, str]) -> tuple[str, ...]:
    """The image of a container, of an image event, or the new one of a service."""
    if kind == "image":  # a pull is of a name with its tag, and names the image without
        named = (
            identifier if identifier and not identifier.startswith("sha256:") else attributes.get("name", "")
        )
    else:
        named = attributes.get("image.new") or attributes.get("image") or ""
    return (named,) if named and not named.startswith("sha256:") else ()


def _labels(attributes: dict[str, str]) -> dict[str, str] | None:
    return {name: value for name, value in attributes.items() if name not in _FIELDS} or None


def _number(text: str | None) -> int | None:
    """An exit code."""
    if not text or not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > 11:
        return None
    return int(text)
