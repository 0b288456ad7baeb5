"""What happened to whom on a Docker engine, as the detectors ask for it.

Docker names nobody, so those whose habits are learnt are the containers (for what is done inside them) and the
engine (for what is made, pulled, connected and removed on it).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from functools import cache
from importlib.resources import files

from msgspec import Struct

from collector.container_logs import workload
from collector.docker.events import Docker
from collector.sentences import SHELLS
from event_model.behaviour import Behaviour, Facets
from event_model.event import Event
from event_model.fields import image_name
from event_model.ready import ready

MOST = 200  # characters of a value
STACK = "com.docker.stack.namespace"
SERVICE = "com.docker.swarm.service.name"
PROJECT, COMPOSED = "com.docker.compose.project", "com.docker.compose.service"

# These are done on the engine; all else that happens to a container is a habit of the container.
_OF_ENGINE = frozenset(["create", "start", "destroy", "prune"])
_WRAPPERS = frozenset(["env", "sudo", "busybox", "nsenter", "chroot", "exec", "timeout", "nohup", "setsid"])
_TASK = re.compile(r"\.[0-9a-z]+\.[0-9a-z]{25}$")  # slot or node, and task of a swarm
_NUMBER = re.compile(r"[-_.]?[0-9]+$")  # report-41, shop_web_1
_GENERATED = re.compile(r"[0-9a-f]{12,64}|[a-z]+_[a-z]+[0-9]?")  # an id, or `happy_meitner`
_SENSITIVE = re.compile(
    r"[^\s'\";|&<>()]*(?:/etc/(?:shadow|passwd|sudoers)|/run/secrets|/\.ssh|id_rsa|id_ed25519|\.kube/config|\.aws/|\.env\b"
    r"|docker\.sock|serviceaccount/token|/proc/[0-9a-z]+/environ|credentials)[^\s'\";|&<>()]*"
)


class Kind(Struct, frozen=True):
    """One line of the table of acts."""

    kind: str
    prior: float
    why: str
    types: list[str] = []
    actions: list[str] = []

    def has(self, type: str, action: str) -> bool:
        return (not self.types or type in self.types) and (not self.actions or action in self.actions)


class Table(Struct, frozen=True):
    """The data file."""

    kinds: list[Kind]


ready(Table)


@cache
def table() -> Table:
    """The data file beside this one, read once."""
    import msgspec.yaml  # PyYAML is not needed to normalize

    text = files("collector.docker").joinpath("behaviour.yaml").read_bytes()
    return msgspec.yaml.decode(text, type=Table)


@cache
def priors() -> Mapping[str, float]:
    return {each.kind: each.prior for each in table().kinds}


def key(event: Event) -> Hashable:
    """What settles the facets of an event: the engine's words, the labels that name a service, and the outcome."""
    native = event.native
    if type(native) is not Docker:
        return None
    get = native.Actor.Attributes.get
    kind = native.Type
    if kind == "container":
        named = (get("name"), get("image"), get(SERVICE), get(PROJECT), get(COMPOSED), get(STACK))
        return (event.origin.cluster, kind, native.Action[:MOST], event.outcome, named)
    name = get("name") or native.Actor.ID
    return (event.origin.cluster, kind, native.Action[:MOST], name, get("image.new"), changed(event))


def facets(event: Event) -> Facets | None:
    """What was done to whom; the same for all events of one key."""
    kind, action = event.resource_type or "", event.action or ""
    inside = kind == "container" and action not in _OF_ENGINE
    heartbeat = action == "update" and changed(event) == "updatestate"
    known = "heartbeat" if heartbeat else next(it.kind for it in table().kinds if it.has(kind, action))
    return Facets(
        actor=container(event) if inside else engine(event),
        group="containers" if inside else "engines",
        action=_action(event, kind, action)[:MOST],
        kind=known,
        namespace=_place(event, kind),
        outcome="failed" if event.outcome == "failure" else "ok",
        object=_object(event, kind, action),
        images=tuple(sorted({image_name(image)[:MOST] for image in event.images}))
        if action in ("create", "pull", "update", "load", "import")
        else (),
    )


def engine(event: Event) -> str:
    """The engine or swarm that tells of it, by the name that the configuration gives it."""
    return f"engine {event.origin.cluster or event.origin.host}".rstrip()[:MOST]


def container(event: Event) -> str:
    """A container by what stays when it is replaced: its service, its own name, or its image."""
    labels = event.container_labels or {}
    if service := labels.get(SERVICE):
        return service[:MOST]
    if service := labels.get(COMPOSED):
        return f"{labels.get(PROJECT, '')}/{service}".lstrip("/")[:MOST]
    name = _NUMBER.sub("", _TASK.sub("", event.container_name or ""))
    if name.startswith("k8s_"):  # k8s_CONTAINER_POD_NAMESPACE_UID: the kubelet's, through cri-dockerd
        return workload(*reversed(name.split("_")[1:4]))[:MOST]
    if name and not (_GENERATED.fullmatch(event.container_name or "") and event.images):
        return name[:MOST]
    return f"image {image_name(event.images[0])}"[:MOST] if event.images else "unnamed"


def program(command: str) -> str:
    """The program that a command runs: `wget` of `/bin/sh -c wget -q …`, `sh` of a shell by itself."""
    last = ""
    for word in command.split(None, 12)[:12]:
        name = word.strip("'\"();&|{}").rpartition("/")[2]
        if name in SHELLS or name in _WRAPPERS:
            last = name
        elif name and "=" not in name and not word.startswith("-"):
            return name[:40]
    return last or "?"


def changed(event: Event) -> str:
    """The names of what an update changed: `image replicas`."""
    if event.action != "update":
        return ""
    names = (name.removesuffix(".new") for name in event.native.Actor.Attributes if name.endswith(".new"))
    return " ".join(sorted(names)[:3])


def _action(event: Event, kind: str, action: str) -> str:
    if kind == "container" and action in ("exec_create", "exec_start"):
        return f"exec {program(event.command_line or '')}"
    return f"{kind} {action} {changed(event)}".rstrip()


def _place(event: Event, kind: str) -> str | None:
    """Project or stack; for networks and volumes their own names."""
    labels, name = event.container_labels or {}, event.resource_name or ""
    if kind == "container":
        return labels.get(PROJECT) or labels.get(STACK) or labels.get(SERVICE, "").rpartition("_")[0] or None
    if kind in ("network", "volume"):
        return name[:MOST] if name and not _GENERATED.fullmatch(name) else None
    return name.rpartition("_")[0][:MOST] or None if kind == "service" else None


def _object(event: Event, kind: str, action: str) -> str | None:
    """Names of what matters: secrets, plugins, machines, new containers, and files that hold credentials."""
    if kind in ("secret", "config", "plugin", "node", "service"):
        return f"{kind} {event.resource_name or event.resource_id}"[:MOST]
    if kind == "container" and action == "create":
        return f"container {container(event)}"[:MOST]
    found = _SENSITIVE.search(event.command_line or "")
    return found[0][:MOST] if found else None


BEHAVIOUR = Behaviour(key, facets, priors=priors)
