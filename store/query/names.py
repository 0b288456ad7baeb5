"""Find the field that a name means: a short one (`user`, `ns`), an ECS one, one of the native record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from operator import attrgetter
from typing import Any

from event_model.errors import nearest
from event_model.event import Event
from event_model.fields import FIELDS, Field
from store.query.ast import NATIVE, Name
from store.query.paths import walk

ALIASES: dict[str, str] = {
    "action": "event.action",
    "agent": "user_agent.name",
    "as": "user.effective.name",
    "category": "event.category",
    "cluster": "orchestrator.cluster.name",
    "code": "http.response.status_code",
    "command": "process.command_line",
    "container": "container.name",
    "dataset": "event.dataset",
    "file": "log.file.path",
    "group": "user.group.name",
    "host": "agent.name",
    "id": "tallyman.id",
    "image": "container.image.name",
    "ip": "source.ip",
    "kind": "event.kind",
    "module": "event.module",
    "name": "orchestrator.resource.name",
    "namespace": "orchestrator.namespace",
    "node": "kubernetes.node.name",
    "ns": "orchestrator.namespace",
    "outcome": "event.outcome",
    "pod": "kubernetes.pod.name",
    "provider": "event.provider",
    "reason": "event.reason",
    "resource": "orchestrator.resource.type",
    "status": "http.response.status_code",
    "subresource": "kubernetes.audit.objectRef.subresource",
    "time": "@timestamp",
    "type": "event.type",
    "uri": "url.original",
    "user": "user.name",
    "verb": "event.action",
    "who": "tallyman.user.kind",
}

_SUBRESOURCE = "kubernetes.audit.objectRef.subresource"
# fields of an event that its document has in the native record only
_MORE = {
    _SUBRESOURCE: Field(
        _SUBRESOURCE, "keyword", "part of the object", attrgetter("subresource"), "subresource"
    )
}

_FREE: Mapping[str, Any] = {}  # anything may stand below
_USER = {"username": None, "uid": None, "groups": None, "extra": _FREE}
# What stands in the native records that have a name, so that a slip in a name is an error. A record
# without an entry here is reached by `native.`.
NATIVES: dict[str, Mapping[str, Any]] = {
    "kubernetes.audit": {
        "level": None, "auditID": None, "stage": None, "requestURI": None, "verb": None,
        "user": _USER, "impersonatedUser": _USER, "sourceIPs": None, "userAgent": None,
        "objectRef": {
            "resource": None, "namespace": None, "name": None, "uid": None, "apiGroup": None,
            "apiVersion": None, "resourceVersion": None, "subresource": None,
        },
        "responseStatus": {"code": None, "status": None, "reason": None, "message": None},
        "requestObject": _FREE, "responseObject": _FREE, "annotations": _FREE,
        "requestReceivedTimestamp": None, "stageTimestamp": None,
    },
    "docker.event": {
        "Type": None, "Action": None, "Actor": {"ID": None, "Attributes": _FREE},
        "scope": None, "time": None, "timeNano": None,
    },
}  # fmt: skip

# native name -> the ECS field that holds the same (or what the server made up later, for a name), and the
# events of which that is so
_TWINS: dict[str, tuple[str, str]] = {
    f"kubernetes.audit.{path}": (field, "kubernetes.audit_logs")
    for path, field in {
        "verb": "event.action",
        "user.username": "user.name",
        "objectRef.resource": "orchestrator.resource.type",
        "objectRef.namespace": "orchestrator.namespace",
        "objectRef.name": "orchestrator.resource.name",
        "responseStatus.code": "http.response.status_code",
    }.items()
}


def resolve(name: str) -> Name:
    """The field of this name. Raises LookupError that names the nearest."""
    full = ALIASES.get(name, name)
    field = FIELDS.get(full) or _MORE.get(full)
    if field:
        return Name(full, "any", root=full) if field.kind == "flattened" else Name(full, field.kind)
    for root in _FLATTENED:
        if full.startswith(root + "."):
            return _path(root, full[len(root) + 1 :])
    if full.startswith(NATIVE + "."):
        return _path(NATIVE, full[len(NATIVE) + 1 :])
    for root, members in NATIVES.items():
        below = full[len(root) + 1 :] if full == root or full.startswith(root + ".") else full
        if _stands(members, below.split(".") if below else []):
            return _native(root, below)
    raise LookupError(f"there is no field {name!r}.{nearest(name, known())}")


def matching(pattern: str) -> list[Name]:
    """The ECS fields whose names meet a pattern with `*`."""
    return [resolve(name) for name in FIELDS if fnmatchcase(name, pattern.replace("[", "[[]"))]


def known() -> list[str]:
    """Every name that a search may begin with."""
    native = {root: _spelled(members) for root, members in NATIVES.items()}
    short = [name for names in native.values() for name in names]
    whole = [f"{root}.{name}" for root, names in native.items() for name in names]
    return sorted({*ALIASES, *FIELDS, *_MORE, *short, *whole})


def reader(name: Name) -> Callable[[Any], Any]:
    """How to read the field of an event: gives a value, a list of values, or nothing."""
    if name.root:
        record, path = holder(name), name.path
        return lambda event: walk(record(event), path)
    read = (_MORE.get(name.name) or FIELDS[name.name]).read
    return _only(name.dataset, read) if name.dataset else read


def attribute(name: str) -> str:
    """The attribute of Event that is all there is to read for an ECS field; empty if there is more to it."""
    return (_MORE.get(name) or FIELDS[name]).attribute


def holder(name: Name) -> Callable[[Any], Any]:
    """How to get at the record in which the field's path stands."""
    root = name.root
    if root in FIELDS:
        return FIELDS[root].read
    if root == NATIVE:
        return attrgetter("native")
    if root in NATIVES:
        return lambda event: event.native if event.native_name == root else None
    return lambda item: item


def _only(dataset: str, read: Callable[[Event], Any]) -> Callable[[Event], Any]:
    return lambda event: read(event) if event.dataset == dataset else None


def _path(root: str, below: str) -> Name:
    return Name(f"{root}.{below}", "any", root=root, path=tuple(below.split(".")))


def _native(root: str, below: str) -> Name:
    full = f"{root}.{below}" if below else root
    if full in _MORE:
        return resolve(full)
    twin = _TWINS.get(full)
    if twin:
        return Name(twin[0], resolve(twin[0]).kind, dataset=twin[1])
    return Name(full, "any", root=root, path=tuple(below.split(".")) if below else ())


def _stands(members: Mapping[str, Any] | None, path: list[str]) -> bool:
    for label in path:
        if members is _FREE:
            return True
        if not members or label not in members:
            return False
        members = members[label]
    return True


def _spelled(members: Mapping[str, Any]) -> list[str]:
    """The members' paths: `objectRef`, `objectRef.resource` …"""
    return [
        path
        for name, below in members.items()
        for path in (name, *(f"{name}.{each}" for each in _spelled(below or {})))
    ]


_FLATTENED = [name for name, field in FIELDS.items() if field.kind == "flattened"]
