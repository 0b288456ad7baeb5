"""Say what a Docker event tells of, in one plain sentence. Docker names nobody: people are `someone`."""

from __future__ import annotations

from collector.sentences import clean, opens_shell
from event_model.event import Event

_SHORT = 12  # characters of an id, as docker shows it

# {it} is the object, {more} what the event says besides
_CONTAINER = {
    "create": "{it} was created",
    "start": "{it} started",
    "restart": "{it} was restarted",
    "stop": "{it} was stopped",
    "kill": "{it} was sent signal {signal}",
    "die": "{it} ended{exit}",
    "oom": "{it} ran out of memory",
    "pause": "{it} was paused",
    "unpause": "{it} was resumed",
    "update": "the limits of {it} were changed",
    "rename": "{it} was renamed from {oldName}",
    "destroy": "{it} was removed",
    "attach": "someone attached to {it}",
    "detach": "someone detached from {it}",
    "top": "someone listed the processes of {it}",
    "resize": "the terminal of {it} was resized",
    "archive-path": "someone copied files out of {it}",
    "extract-to-dir": "someone copied files into {it}",
    "copy": "someone copied files from {it}",
    "export": "someone exported the file system of {it}",
    "commit": "someone made image {imageRef} of {it}",
    "exec_die": "a command in {it} ended{exit}",
    "exec_detach": "someone detached from a command in {it}",
    "health_status": "{it} is {health}",
}
_OTHERS = {
    ("image", "pull"): "{it} was pulled",
    ("image", "push"): "{it} was pushed",
    ("image", "tag"): "an image was tagged {name}",
    ("image", "untag"): "{it} lost a tag",
    ("image", "delete"): "{it} was deleted",
    ("image", "load"): "{it} was loaded from a file",
    ("image", "import"): "{it} was imported from a file",
    ("image", "save"): "someone saved {it} to a file",
    ("network", "connect"): "container {container} was connected to {it}",
    ("network", "disconnect"): "container {container} was disconnected from {it}",
    ("volume", "mount"): "{it} was mounted in container {container} at {destination}{mode}",
    ("volume", "unmount"): "{it} was unmounted from container {container}",
    ("plugin", "install"): "{it} was installed",
    ("plugin", "enable"): "{it} was enabled",
    ("plugin", "disable"): "{it} was disabled",
    ("builder", "prune"): "unused build cache was removed: {reclaimed} bytes",
    ("daemon", "reload"): "the configuration of {it} was reloaded",
}
_ANY = {
    "create": "{it} was created",
    "update": "{it} was changed{changes}",
    "remove": "{it} was removed",
    "destroy": "{it} was removed",
    "delete": "{it} was deleted",
    "prune": "unused {kind}s were removed: {reclaimed} bytes",
}


class _Words(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


def sentence(event: Event) -> str:
    """Such as `someone ran a shell in container web (nginx:1.27): sh -c id`."""
    kind, action = event.resource_type or "", event.action or ""
    attributes = event.native.Actor.Attributes
    if kind == "container" and action in ("exec_create", "exec_start"):
        return _exec(event, action)
    template = _CONTAINER.get(action) if kind == "container" else _OTHERS.get((kind, action))
    words = _Words({name: clean(value) for name, value in attributes.items() if value})
    words["it"], words["kind"] = thing(event), clean(kind)
    words["oldName"] = words["oldName"].lstrip("/")
    words["health"] = clean(event.reason or "?")
    words["exit"] = "" if event.exit_code is None else f" with exit code {event.exit_code}"
    words["container"] = clean(attributes.get("container", "?")[:_SHORT])
    words["mode"] = " (read only)" if attributes.get("read/write") == "false" else ""
    words["changes"] = _changes(attributes)
    template = template or _ANY.get(action)
    return template.format_map(words) if template else f"{words['it']}: {clean(action)}"


def thing(event: Event) -> str:
    """The object, such as `container web (nginx:1.27)` or `swarm node edge-2`."""
    kind, name = event.resource_type or "", event.resource_name or (event.resource_id or "?")[:_SHORT]
    if kind == "container":
        image = f" ({clean(_image(event.images[0]))})" if event.images else ""
        return f"container {clean(name)}{image}"
    if kind == "image":
        return f"image {clean(_image(event.images[0] if event.images else name))}"
    swarm = "swarm " if event.orchestrator == "docker-swarm" else ""
    what = "Docker daemon" if kind == "daemon" else clean(kind)
    return f"{swarm}{what} {clean(name)}"


def _exec(event: Event, action: str) -> str:
    line = event.command_line or ""
    what = "a shell" if opens_shell(line.split()) else "a command"
    verb = "ran" if action == "exec_create" else "started"
    return f"someone {verb} {what} in {thing(event)}" + (f": {clean(line)}" if line else "")


def _changes(attributes: dict[str, str]) -> str:
    """`: role worker to manager` of `role.old` and `role.new`."""
    changes = []
    for name, new in attributes.items():
        if name.endswith(".new"):
            field = name.removesuffix(".new")
            old = attributes.get(f"{field}.old")
            before = f" {clean(_image(old))} to" if old else ""
            changes.append(f"{clean(field)}{before} {clean(_image(new))}")
    return f": {', '.join(changes)}" if changes else ""


def _image(name: str) -> str:
    """An image as people know it: without its digest, or with as much of its id as docker shows."""
    if name.startswith("sha256:"):
        return name[: len("sha256:") + _SHORT]
    return name.partition("@sha256:")[0]
