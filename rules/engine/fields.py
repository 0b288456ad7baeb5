"""What rules may call a field: ECS names, the record's own and Sigma's short names, a table a logsource."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from msgspec import Struct

from event_model.errors import nearest
from event_model.event import Event
from event_model.fields import FIELDS
from rules.engine import logsource, paths
from rules.engine.expression import Read
from rules.engine.paths import EACH, Values
from rules.engine.view import View, decode

Get = Callable[[View], Any]


class Field(Struct, frozen=True):
    """How to read a field, and what it costs."""

    read: Read
    memo: str = ""  # the field of the memo's key that it is
    key: str = ""  # or its key in it, where that is a map
    body: str = ""  # requestObject, responseObject, object: what must be in the record for it to have a value
    blank: bool = False  # empty text means that there is none
    cost: int = 1


class Root(Struct, frozen=True):
    """A part of the record with anything below it."""

    get: Get
    cost: int
    body: str = ""
    keyed: bool = False  # a map whose keys hold dots: what follows is one key
    memo: str = ""  # the field of the memo's key that holds its keys, or tells of its body


class Table(Struct, frozen=True):
    """The fields of one logsource: `plain` by name, `roots` with all below them, `short` names for either."""

    title: str
    plain: dict[str, Field]
    roots: dict[str, Root]
    short: dict[str, str]
    prefix: str = ""  # of native names in documents: kubernetes.audit.
    loose: bool = False  # any path is a field

    def find(self, name: str) -> Field | None:
        """The field of this name or path. Raises ValueError for a path that can't be read."""
        if name.endswith("."):
            raise ValueError(f"{name!r} ends with a dot")
        name = name.removeprefix(self.prefix) if self.prefix else name
        name = self.short.get(name, name)
        if name in self.plain:
            return self.plain[name]
        if self.loose:
            return _loose(name)
        return ecs(name) if name in FIELDS else self._below(name) or _labels(name)

    def _below(self, name: str) -> Field | None:
        found, rest = _cut(name, self.roots)
        if not found:
            return None
        root = self.roots[found]
        if not rest:
            return Field(_one(root.get), root.memo if root.body else "", body=root.body, cost=root.cost)
        names = paths.split(rest)
        if root.keyed:
            key = ".".join(name for name in names if name != EACH)
            return Field(_of_key(root.get, key), root.memo, key if root.memo else "", cost=root.cost)
        read = _of_path(name, root.get, paths.reader(names))
        return Field(read, root.memo if root.body else "", body=root.body, cost=root.cost + 1)

    def nearest(self, name: str) -> str:
        """A hint for a name that is no field here."""
        return nearest(name, [*self.plain, *self.short, *self.roots, *FIELDS])


def _cut(name: str, roots: Iterable[str]) -> tuple[str, str]:
    """The root of a path, and what follows it."""
    for root in roots:
        if name in (root, root + EACH):
            return root, ""
        if name.startswith(root) and name[len(root)] in '.["':
            return root, name[len(root) :].removeprefix(EACH).removeprefix(".")
    return "", ""


def _one(get: Get) -> Read:
    """A reader of what `get` finds: nothing, one value, or the items of a list."""

    def read(view: View) -> Values:
        value = get(view)
        if value is None:
            return ()
        return [item for item in value if item is not None] if isinstance(value, (list, tuple)) else (value,)

    return read


def _of_key(get: Get, key: str) -> Read:
    def read(view: View) -> Values:
        known = get(view)
        value = known.get(key) if isinstance(known, dict) else None
        if value is None:
            return ()
        return value if isinstance(value, list) else (value,)

    return read


def _of_path(name: str, get: Get, below: Callable[[Any], Values]) -> Read:
    def read(view: View) -> Values:
        known = view.known.get(name)  # many rules ask for the same
        if known is None:
            known = view.known[name] = below(get(view))
        return known

    return read


def _native(name: str, below: str = "", memo: str = "") -> Field:
    """A part of the typed record, by its attributes."""
    outer, inner = attrgetter(name), attrgetter(below) if below else None

    def read(view: View) -> Values:
        value = outer(view.native)
        if inner is not None and value is not None:
            value = inner(value)
        if value is None:
            return ()
        return value if isinstance(value, list) else (value,)

    return Field(read, memo=memo, blank=True)


def ecs(name: str) -> Field:
    """A field of the Elastic Common Schema, read from the event."""
    get = FIELDS[name].read
    if isinstance(get, attrgetter):
        return Field(_one(lambda view: get(view.event)), blank=True, cost=2)
    return Field(_of_path(name, lambda view: get(view.event), paths.reader(())), blank=True, cost=4)


def _noted(name: str, memo: str) -> Field:
    """A field of the Elastic Common Schema that the memo holds."""
    return Field(ecs(name).read, memo=memo, blank=True)


def _labels(name: str) -> Field | None:
    """A key below `labels` or `container.labels`."""
    for root in ("container.labels.", "labels."):
        if name.startswith(root):
            return _label(FIELDS[root[:-1]].read, name[len(root) :])
    return None


def _label(labels: Callable[[Event], Any], key: str) -> Field:
    return Field(_of_key(lambda view: labels(view.event), key), cost=3)


def _loose(name: str) -> Field:
    """Any path of a record of any shape, else what the event knows under that name."""
    key = f"loose {name}"
    own, known = paths.loose(paths.split(name)), ecs(name).read if name in FIELDS else lambda view: ()

    def read(view: View) -> Values:
        found = view.known.get(key)  # many rules ask for the same
        if found is None:
            found = view.known[key] = own(view.native) or known(view)
        return found

    return Field(read, cost=5)


def _extra(user: str) -> Root:
    def get(view: View) -> Any:
        name = f"{user}.extra"
        if name not in view.known:
            known = decode(getattr(getattr(view.native, user), "extra", None))
            view.known[name] = (known,)
        return view.known[name][0]

    return Root(get, cost=5, keyed=True)


def _kubernetes() -> Table:
    plain = {name: _native(name, memo=name) for name in ("stage", "verb", "userAgent")}
    for name in ("level", "auditID", "requestURI", "sourceIPs", "requestReceivedTimestamp", "stageTimestamp"):
        plain[name] = _native(name)
    for name in ("resource", "namespace", "apiGroup", "subresource"):
        plain[f"objectRef.{name}"] = _native("objectRef", name, memo=name)
    for name in ("name", "uid", "apiVersion", "resourceVersion"):
        plain[f"objectRef.{name}"] = _native("objectRef", name)
    plain["user.username"] = _native("user", "username", memo="username")
    plain["impersonatedUser.username"] = _native("impersonatedUser", "username", memo="impersonated")
    for user in ("user", "impersonatedUser"):
        for name in ("uid", "groups"):
            plain[f"{user}.{name}"] = _native(
                user, name, memo="groups" if (user, name) == ("user", "groups") else ""
            )
    plain["responseStatus.code"] = _native("responseStatus", "code", memo="code")
    for name in ("status", "reason", "message"):
        plain[f"responseStatus.{name}"] = _native("responseStatus", name)
    plain["tallyman.user.kind"] = _noted("tallyman.user.kind", "kind")
    plain["event.outcome"] = _noted("event.outcome", "outcome")
    plain["exec.command"] = ecs("process.command_line")
    roots = {
        "annotations": Root(lambda view: view.native.annotations, 2, keyed=True, memo="notes"),
        "requestObject": Root(lambda view: view.request, 10, "requestObject", memo="bodies"),
        "responseObject": Root(lambda view: view.response, 10, "responseObject", memo="bodies"),
        "object": Root(lambda view: view.object, 11, "object", memo="bodies"),
        "pod": Root(lambda view: view.pod, 12, "object", memo="bodies"),
        "user.extra": _extra("user"),
        "impersonatedUser.extra": _extra("impersonatedUser"),
    }
    return Table("kubernetes audit", plain, roots, _KUBERNETES_SHORT, prefix="kubernetes.audit.")


# Sigma's names, and ECS names that are one and the same as a native field
_KUBERNETES_SHORT = {
    "resource": "objectRef.resource",
    "namespace": "objectRef.namespace",
    "subresource": "objectRef.subresource",
    "apiGroup": "objectRef.apiGroup",
    "apiVersion": "objectRef.apiVersion",
    "name": "objectRef.name",
    "username": "user.username",
    "groups": "user.groups",
    "code": "responseStatus.code",
    "decision": "annotations.authorization.k8s.io/decision",
    "command": "process.command_line",
    "capabilities": "pod.containers[].securityContext.capabilities",
    "privileged": "pod.containers[].securityContext.privileged",
    "image": "pod.containers[].image",
    "hostPath": "pod.spec.volumes[].hostPath",
    "hostNetwork": "pod.spec.hostNetwork",
    "hostPID": "pod.spec.hostPID",
    "hostIPC": "pod.spec.hostIPC",
    "serviceAccountName": "pod.spec.serviceAccountName",
    "event.action": "verb",
    "user.name": "user.username",
    "user.effective.name": "impersonatedUser.username",
    "user_agent.original": "userAgent",
    "orchestrator.namespace": "objectRef.namespace",
    "kubernetes.namespace": "objectRef.namespace",
    "orchestrator.resource.type": "objectRef.resource",
    "http.response.status_code": "responseStatus.code",
}


def _docker() -> Table:
    plain = {name: _native(name, memo=name) for name in ("Type", "Action", "scope")}
    plain |= {name: _native(name) for name in ("time", "timeNano")}
    plain["Actor.ID"] = _native("Actor", "ID")
    plain["exec.command"] = ecs("process.command_line")
    attributes = Root(lambda view: getattr(view.native.Actor, "Attributes", None), 2, keyed=True)
    short = {
        "type": "Type",
        "action": "Action",
        "id": "Actor.ID",
        "name": "Actor.Attributes.name",
        "image": "Actor.Attributes.image",
        "command": "process.command_line",
    }
    return Table("docker events", plain, {"Actor.Attributes": attributes}, short, prefix="docker.event.")


TABLES: dict[str, Table] = {
    logsource.KUBERNETES: _kubernetes(),
    logsource.DOCKER: _docker(),
    logsource.LOGS[0]: Table("container logs", {}, {}, {}),
    logsource.LOGS[1]: Table("container logs", {}, {}, {}),
    logsource.RECORD: Table("records", {}, {}, {}, loose=True),
}
