"""Who did what to the Kubernetes API, as the detectors ask for it.

`key` reads the decoded record itself: the attributes of the event are properties, and this is asked of every event.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from msgspec import Struct

from collector.kubernetes.audit import ABSENT, Audit, ObjectRef, User
from collector.kubernetes.people import HUMAN, user_kind
from collector.networks import network
from event_model.behaviour import Behaviour, Facets
from event_model.event import Event
from event_model.ready import ready

OWN = "its own"
ANONYMOUS = frozenset(["", "system:anonymous", "system:unauthenticated"])
WRITES = frozenset(["create", "update", "patch", "post", "put"])
NAMED = frozenset(["secrets", "configmaps"])  # resources whose names are facets
WORKLOADS = frozenset(
    ["pods", "deployments", "daemonsets", "statefulsets", "replicasets", "replicationcontrollers", "jobs", "cronjobs"]
)  # fmt: skip
CONNECTIONS = frozenset(["exec", "attach", "portforward", "proxy"])
MOST_ROLES = 3
MOST = 200  # characters of a value

_NOTHING, _NOBODY = ObjectRef(), User()
_VERSION = re.compile(r"[/ ]v?[0-9(].*|[-_]v?[0-9]+(\.[0-9]+)+.*")
_HASH = re.compile(r"-[bcdf-hj-np-tv-z2-9]{8,10}(-[bcdf-hj-np-tv-z2-9]{5})?$")  # replica set, pod
_NUMBER = re.compile(r"[0-9]+")


class Group(Struct, frozen=True):
    """One line of the table of peers."""

    group: str
    why: str
    names: list[str] = []
    token: list[str] = []
    kinds: list[str] = []

    def has(self, name: str, token: tuple[str, ...], kind: str) -> bool:
        return (
            kind in self.kinds
            or any(fnmatchcase(name, pattern) for pattern in self.names)
            or any(group in token for group in self.token)
        )


class Kind(Struct, frozen=True):
    """One line of the table of acts."""

    kind: str
    prior: float
    why: str
    verbs: list[str] = []
    resources: list[str] = []
    namespaces: list[str] = []
    special: str = ""

    def has(self, verb: str, thing: str, special: str, namespace: str) -> bool:
        return (
            self.special == special
            and (not self.verbs or verb in self.verbs)
            and (not self.resources or thing in self.resources)
            and (not self.namespaces or namespace in self.namespaces)
        )


class GroupPrior(Struct, frozen=True):
    group: str
    kind: str
    prior: float
    why: str


class Table(Struct, frozen=True):
    """The data file."""

    groups: list[Group]
    kinds: list[Kind]
    groups_priors: list[GroupPrior]


ready(Table)


@cache
def table() -> Table:
    """The data file beside this one, read once."""
    import msgspec.yaml  # PyYAML is not needed to normalize

    text = files("collector.kubernetes").joinpath("behaviour.yaml").read_bytes()
    return msgspec.yaml.decode(text, type=Table)


@cache
def priors() -> Mapping[str, float]:
    """kind -> nats; `GROUP/KIND` where a group has its own."""
    known = table()
    own = {f"{each.group}/{each.kind}": each.prior for each in known.groups_priors}
    return {each.kind: each.prior for each in known.kinds} | own


def key(event: Event) -> Hashable:
    """What settles the facets of an event. None for the first of two stages that tell of the same request."""
    audit = event.native
    if type(audit) is not Audit:  # GKE and AKS tell of acts on the cloud's API as well
        return None
    status = audit.responseStatus
    if status is None:
        if audit.stage == "RequestReceived":
            return None
        code: int | str | None = None
    else:
        code = status.code
        if code == 403 and "impersonate" in status.message:
            code = "impersonate"
    user, sources = audit.user, audit.sourceIPs
    who = user.username if user is not None else ""
    source = sources[-1] if sources else ""
    rare: Any = None
    if audit.impersonatedUser is not None:
        rare = (audit.impersonatedUser.username, tuple(audit.impersonatedUser.groups))
    ref = audit.objectRef
    if ref is None:
        return (who, audit.verb, source, audit.userAgent, code, audit.requestURI, rare)
    resource = ref.resource
    name = ref.name if resource in NAMED else ""
    if audit.requestObject is not ABSENT and rare is None and resource in WORKLOADS and audit.verb in WRITES:
        rare = event.images
    return (
        who,
        audit.verb,
        resource,
        ref.subresource,
        ref.namespace,
        source,
        audit.userAgent,
        code,
        name,
        rare,
    )


def facets(event: Event) -> Facets | None:
    """Who did what, from where; the same for all events of one key."""
    audit: Audit = event.native
    user, ref = audit.user or _NOBODY, audit.objectRef or _NOTHING
    source = network(audit.sourceIPs[-1]) if audit.sourceIPs else None
    verb, thing, special = _act(audit, ref)
    acting = audit.impersonatedUser
    outcome = outcome_of(event.status_code)
    anonymous = user.username in ANONYMOUS
    return Facets(
        actor=f"system:anonymous@{source or 'unknown'}" if anonymous else named(user.username),
        group=group_of(user.username, tuple(user.groups)),
        action=f"{verb} {thing}"[:MOST],
        kind=kind_of(verb, thing, special, ref.namespace),
        namespace=OWN if ref.namespace and ref.namespace == home(user.username) else ref.namespace or None,
        source=None if anonymous else source,
        client=family(audit.userAgent),
        outcome=outcome,
        object=_object(audit.verb, ref, acting),
        images=_images(event) if audit.requestObject is not ABSENT and audit.verb in WRITES else (),
    )


def _act(audit: Audit, ref: ObjectRef) -> tuple[str, str, str]:
    """Verb, thing and special kind. What clients of two protocols ask with two verbs is one act."""
    acting = audit.impersonatedUser
    refused = audit.responseStatus is not None and "cannot impersonate" in audit.responseStatus.message
    if acting is not None or refused:
        whom = "someone"
        if acting is not None:
            kind = user_kind(acting.username, acting.groups)
            whom = "system:masters" if "system:masters" in acting.groups else kind
        return "impersonate", whom, "impersonation"
    if not ref.resource:
        path = audit.requestURI.partition("?")[0]
        return audit.verb, _NUMBER.sub("N", "/".join(path.split("/")[:5])), "path"
    thing = f"{ref.resource}/{ref.subresource}" if ref.subresource else ref.resource
    connects = ref.subresource in CONNECTIONS and ref.resource != "nodes"
    return "connect" if connects else audit.verb, thing, ""


def home(name: str) -> str | None:
    """The namespace of a service account; what it does in there is not new when a namespace is."""
    return (
        name.split(":", 3)[2] if name.startswith("system:serviceaccount:") and name.count(":") > 2 else None
    )


def _object(verb: str, ref: ObjectRef, acting: User | None) -> str | None:
    if acting is not None:
        return f"as {acting.username}"[:MOST]
    if (
        ref.resource in NAMED and ref.name and verb != "create"
    ):  # what is made now is new to everybody, and says nothing
        return f"{ref.resource[:-1]} {ref.namespace}/{named(ref.name)}"[:MOST]
    return None


@lru_cache(maxsize=10_000)
def group_of(name: str, token: tuple[str, ...]) -> str:
    """The peers of a user: the first line of the table that fits; below it, people with the same groups in the token."""
    kind = user_kind(name, token)
    group = next((each.group for each in table().groups if each.has(name, token, kind)), "other")
    roles = [each for each in sorted(token) if not each.startswith("system:")][:MOST_ROLES]
    return f"{group}/{' '.join(roles)}"[:MOST] if roles and kind == HUMAN else group


def kind_of(verb: str, thing: str, special: str = "", namespace: str = "") -> str:
    """The class of an act: the first line of the table that fits."""
    return _kind(verb, thing, special, namespace if namespace in told_apart() else "")


@lru_cache(maxsize=10_000)
def _kind(verb: str, thing: str, special: str, namespace: str) -> str:
    return next((each.kind for each in table().kinds if each.has(verb, thing, special, namespace)), "other")


@cache
def told_apart() -> frozenset[str]:
    """Namespaces in which the table has kinds of their own."""
    return frozenset(namespace for each in table().kinds for namespace in each.namespaces)


@lru_cache(maxsize=10_000)
def named(name: str) -> str:
    """A name without the hashes that replica sets and pods add."""
    return _HASH.sub("", name)[:MOST]


@lru_cache(maxsize=10_000)
def family(agent: str) -> str | None:
    """`kubectl` of `kubectl/v1.30.1 (linux/amd64) kubernetes/abcdef`: an upgrade is no news."""
    return _VERSION.sub("", agent)[:MOST] or None


def outcome_of(code: int | None) -> str:
    """The class of an HTTP status."""
    if code is None or code < 400:
        return "ok"
    named = {401: "unauthenticated", 403: "denied", 404: "missing", 409: "missing"}
    return named.get(code) or ("failed" if code >= 500 else "rejected")


def _images(event: Event) -> tuple[str, ...]:
    return tuple(sorted({repository(image) for image in event.images}))


def repository(image: str) -> str:
    """An image without tag and digest."""
    name = image.partition("@")[0]
    head, _, tail = name.rpartition("/")
    tail = tail.partition(":")[0]
    return (f"{head}/{tail}" if head else tail)[:MOST]


def time(event: Event) -> str:
    """The time of the stage, unchecked, of an event that has a key: `event.timestamp` costs a dozen times more."""
    moment: str = event.native.stageTimestamp or event.timestamp
    return moment


def duration(event: Event) -> float | None:
    """Seconds from request to answer; None where a watch or a record says nothing of it."""
    from datetime import datetime

    audit = event.native
    if (
        type(audit) is not Audit
        or audit.verb == "watch"
        or not audit.requestReceivedTimestamp
        or not audit.stageTimestamp
    ):
        return None
    try:
        begun, ended = map(datetime.fromisoformat, (audit.requestReceivedTimestamp, audit.stageTimestamp))
        return max(0.0, (ended - begun).total_seconds())
    except (ValueError, TypeError):
        return None


BEHAVIOUR = Behaviour(
    key, facets, numbers={"duration": duration}, priors=priors, time=time, realm="kubernetes"
)
