"""Every field of an event document: its ECS name, its type, and how to read it from an Event.

One table serves search, rules, tables, index templates and the reference in docs/. Fields of the native record
(`kubernetes.audit.objectRef.resource`, `docker.event.Action`) are not listed: any path below `native_name` works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address
from operator import attrgetter
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import orjson
from msgspec import Struct

from event_model.event import ECS_VERSION, Event, identity


class Field(Struct, frozen=True):
    """One field: `kind` is keyword, ip, date, long, boolean or text; `read` gives its value, a list or None."""

    name: str
    kind: str
    help: str
    read: Callable[[Event], Any]
    attribute: str = ""  # of Event, where the value is just that


def image_name(image: str) -> str:
    """`registry:5000/app` of `registry:5000/app:1.2@sha256:…`."""
    image = image.partition("@")[0]
    head, slash, tail = image.rpartition("/")
    return head + slash + tail.partition(":")[0]


def image_tag(image: str) -> str:
    """`1.2` of `registry:5000/app:1.2@sha256:…`, or nothing."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def image_digest(image: str) -> str:
    """`sha256:…` of `registry:5000/app:1.2@sha256:…`, or nothing."""
    return image.partition("@")[2]


def address(text: str | None) -> str | None:
    """The text if it is an IP address, else None: an `ip` field refuses anything else."""
    return _address(text) if text and len(text) < 80 else None


@lru_cache(4096)
def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def agent_name(agent: str | None) -> str | None:
    """`kubectl` of `kubectl/v1.35.4 (linux/amd64) kubernetes/…`."""
    return agent.partition(" ")[0].partition("/")[0] if agent else None


def agent_version(agent: str | None) -> str | None:
    """`v1.35.4` of `kubectl/v1.35.4 (linux/amd64) kubernetes/…`."""
    return (agent.partition(" ")[0].partition("/")[2] or None) if agent else None


def _url(part: str) -> Callable[[Event], str | None]:
    def read(event: Event) -> str | None:
        if not event.url:
            return None
        try:
            return unquote(getattr(urlsplit(event.url), part)) or None
        except ValueError:
            return None

    return read


def _unique(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


def _users(event: Event) -> list[str]:
    return _unique((event.user_name, event.user_effective, event.user_target, event.user_email))


def _addresses(event: Event) -> list[str]:
    claimed = getattr(event.native, "sourceIPs", None) or ()
    return _unique(address(text) for text in (event.source_ip, event.forwarded_ip, *claimed))


def _namespace_of(event: Event) -> str | None:
    return event.namespace if event.module == "kubernetes" else None


def _constant(value: str) -> Callable[[Event], str]:
    return lambda event: value


def _each(part: Callable[[str], str]) -> Callable[[Event], list[str]]:
    return lambda event: _unique(part(image) for image in event.images) if event.images else []


_TABLE: list[tuple[str, str, str, str | Callable[[Event], Any]]] = [
    ("@timestamp", "date", "when it happened", "timestamp"),
    ("ecs.version", "keyword", "version of the Elastic Common Schema", _constant(ECS_VERSION)),
    ("message", "text", "the event as one plain sentence", "message"),
    ("data_stream.type", "keyword", "logs", _constant("logs")),
    ("data_stream.dataset", "keyword", "same as event.dataset", "dataset"),
    ("data_stream.namespace", "keyword", "default", _constant("default")),
    ("event.kind", "keyword", "event; pipeline_error for what could not be read", "kind"),
    ("event.module", "keyword", "system that wrote the record", "module"),
    ("event.dataset", "keyword", "kind of log, such as kubernetes.audit_logs", "dataset"),
    ("event.provider", "keyword", "program that wrote it: kube-apiserver, eks, gke, aks, dockerd", "provider"),
    ("event.id", "keyword", "the record's own id, which its caller may have chosen", "id"),
    ("event.action", "keyword", "verb or action", "action"),
    ("event.category", "keyword", "ECS categories", "category"),
    ("event.type", "keyword", "ECS types", "type"),
    ("event.outcome", "keyword", "success, failure or unknown", "outcome"),
    ("event.reason", "keyword", "why it was allowed, refused or failed", "reason"),
    ("event.start", "date", "when the request arrived", "start"),
    ("event.hash", "keyword", "SHA-256 of the raw record as it was read", lambda event: event.record.hash()),
    ("orchestrator.type", "keyword", "kubernetes or docker-swarm", "orchestrator"),
    ("orchestrator.cluster.name", "keyword", "cluster, by configuration or cloud label", "cluster"),
    ("orchestrator.cluster.id", "keyword", "cluster's own id", "cluster_id"),
    ("orchestrator.namespace", "keyword", "namespace of the object", "namespace"),
    ("orchestrator.api_version", "keyword", "group and version of the object's API", "api_version"),
    ("orchestrator.resource.type", "keyword", "kind of object, plural and lower case", "resource_type"),
    ("orchestrator.resource.name", "keyword", "name of the object", "resource_name"),
    ("orchestrator.resource.id", "keyword", "uid of the object", "resource_id"),
    ("user.name", "keyword", "who did it", "user_name"),
    ("user.id", "keyword", "uid of who did it", "user_id"),
    ("user.email", "keyword", "address of who did it", "user_email"),
    ("user.group.name", "keyword", "groups of who did it", "user_groups"),
    ("user.roles", "keyword", "groups of who did it", "user_groups"),
    ("user.effective.name", "keyword", "who was impersonated", "user_effective"),
    ("user.effective.roles", "keyword", "groups that were impersonated", "user_effective_groups"),
    ("user.target.name", "keyword", "account that was given something", "user_target"),
    ("tallyman.user.kind", "keyword", "human, service_account, node, controller or anonymous", "user_kind"),
    ("source.ip", "ip", "address of the peer", lambda event: address(event.source_ip)),
    ("source.address", "keyword", "address of the peer as written", "source_ip"),
    ("client.ip", "ip", "address of the peer", lambda event: address(event.source_ip)),
    ("network.forwarded_ip", "ip", "address that a header claims", lambda event: address(event.forwarded_ip)),
    ("user_agent.original", "keyword", "client, as it calls itself", "user_agent"),
    ("user_agent.name", "keyword", "program of the client", lambda event: agent_name(event.user_agent)),
    ("user_agent.version", "keyword", "version of the client", lambda event: agent_version(event.user_agent)),
    ("http.request.method", "keyword", "HTTP method", "method"),
    ("http.response.status_code", "long", "HTTP status", "status_code"),
    ("url.original", "keyword", "request address as sent", "url"),
    ("url.path", "keyword", "path of the request, decoded", _url("path")),
    ("url.query", "keyword", "query of the request, decoded", _url("query")),
    ("container.id", "keyword", "container", "container_id"),
    ("container.name", "keyword", "container's name", "container_name"),
    ("container.image.name", "keyword", "image without tag", _each(image_name)),
    ("container.image.tag", "keyword", "tag of the image", _each(image_tag)),
    ("container.image.hash.all", "keyword", "digest of the image", _each(image_digest)),
    ("container.labels", "flattened", "labels of the container", "container_labels"),
    ("process.command_line", "text", "command that was run", "command_line"),
    ("process.args", "keyword", "words of the command", "args"),
    ("process.interactive", "boolean", "with a terminal", "interactive"),
    ("process.exit_code", "long", "exit code", "exit_code"),
    ("kubernetes.namespace", "keyword", "namespace of the object", _namespace_of),
    ("kubernetes.pod.name", "keyword", "pod", "pod_name"),
    ("kubernetes.container.name", "keyword", "container of the pod",
     lambda event: event.container_name if event.module == "kubernetes" else None),
    ("kubernetes.node.name", "keyword", "node", "node_name"),
    ("stream", "keyword", "stdout or stderr", "stream"),
    ("cloud.provider", "keyword", "aws, gcp or azure", "cloud"),
    ("cloud.account.id", "keyword", "account or subscription", "account"),
    ("cloud.project.id", "keyword", "project", "project"),
    ("cloud.region", "keyword", "region", "region"),
    ("labels", "flattened", "remarks: truncated, malformed", "labels"),
    ("related.user", "keyword", "every name in the record", _users),
    ("related.ip", "ip", "every address in the record", _addresses),
    ("related.hosts", "keyword", "every host in the record", lambda event: _unique((event.node_name,))),
    ("log.file.path", "keyword", "file it was read from", lambda event: event.origin.path or None),
    ("log.offset", "long", "where in the file",
     lambda event: event.record.offset if event.origin.path else None),
    ("input.type", "keyword", "how it came in", lambda event: event.origin.input),
    ("agent.name", "keyword", "host that collected it", lambda event: event.origin.host or None),
    ("tallyman.id", "keyword", "the event's own id, and its id in the store", identity),
]  # fmt: skip

FIELDS: dict[str, Field] = {
    name: Field(name, kind, help, attrgetter(read), read)
    if isinstance(read, str)
    else Field(name, kind, help, read)
    for name, kind, help, read in _TABLE
}


_OURS = frozenset(("@timestamp", "ecs", "data_stream", "event", "log", "tallyman"))  # whatever a record says


def nest(flat: dict[str, Any]) -> dict[str, Any]:
    """`{"user.name": "x"}` as `{"user": {"name": "x"}}`. A key below a plain value replaces that value."""
    document: dict[str, Any] = {}
    for name, value in flat.items():
        place = document
        *parents, last = name.split(".")
        for parent in parents:
            below = place.get(parent)
            if not isinstance(below, dict):
                below = place[parent] = {}
            place = below
        place[last] = value
    return document


def native(event: Event) -> Any:
    """The event's native record as plain dictionaries and lists, as its document shows it."""
    try:
        found = plain(event.native)
        orjson.dumps([[[[[[found]]]]]])  # as deep as it stands in an alert's document, in a request
        return found
    except (
        ValueError,
        TypeError,
        RecursionError,
    ):  # a body that is nested more deeply than readers of JSON go
        parts = {name: getattr(event.native, name) for name in getattr(event.native, "__struct_fields__", ())}
        return plain({name: value for name, value in parts.items() if not isinstance(value, msgspec.Raw)})


def plain(value: Any) -> Any:
    """The value as whoever reads JSON gets it: whole numbers beyond 64 bits are floating-point ones."""
    return orjson.loads(msgspec.json.encode(value))  # through text, for bodies wait in it as unparsed bytes


def document(event: Event, raw: bool = False) -> dict[str, Any]:
    """The event as a nested ECS document; with `raw`, the record itself as `event.original`. Empty fields are left out."""
    flat: dict[str, Any] = {}
    for field in FIELDS.values():
        value = field.read(event)
        if value is not None and value != "" and value != [] and value != ():
            flat[field.name] = value
    if event.native_name:
        flat[event.native_name] = native(event)
    if raw:
        flat["event.original"] = event.record.raw.decode("utf-8", "replace")
    if not event.native_name and event.native:
        return _beside(native(event), nest(flat))
    return nest(flat)


def _beside(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """A record whose fields keep their names, with what is known besides: the record's own words come first."""
    whole = {**ours, **{name: value for name, value in theirs.items() if name not in _OURS}}
    whole["event"] = (
        {**ours["event"], **theirs["event"]} if isinstance(theirs.get("event"), dict) else ours["event"]
    )
    for name in ("hash", "original", "dataset"):
        if name in ours["event"]:
            whole["event"][name] = ours["event"][name]
    return whole
