"""What follows from verb, resource and answer alone: categories, types, outcome; worked out once for each combination."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from collector.kubernetes.audit import Audit
from collector.kubernetes.details import Details, binding, connection, created, token, workload

MOST_SHAPES = 20_000
WRITES = {
    "create": "creation",
    "post": "creation",
    "update": "change",
    "put": "change",
    "patch": "change",
    "delete": "deletion",
    "deletecollection": "deletion",
}
_METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "post": "POST",
    "update": "PUT",
    "put": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
    "head": "HEAD",
    "options": "OPTIONS",
}
_ADMIN = frozenset(("roles", "clusterroles", "rolebindings", "clusterrolebindings"))
_USER = frozenset(("serviceaccounts", "certificatesigningrequests"))
_CONFIGURATION = frozenset(
    [
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "customresourcedefinitions",
        "apiservices",
        "networkpolicies",
        "adminnetworkpolicies",
        "baselineadminnetworkpolicies",
    ]
)
_CONNECTIONS = frozenset(("exec", "attach", "portforward"))
REVIEWS = frozenset(
    [
        "tokenreviews",
        "subjectaccessreviews",
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "localsubjectaccessreviews",
        "selfsubjectreviews",
    ]
)
PODS = frozenset(
    [
        "pods",
        "podtemplates",
        "deployments",
        "replicasets",
        "statefulsets",
        "daemonsets",
        "jobs",
        "cronjobs",
        "replicationcontrollers",
    ]
)


class Shape(NamedTuple):
    """The part of an event that its verb, resource and answer decide."""

    category: tuple[str, ...]
    type: tuple[str, ...]
    outcome: str
    method: str | None
    api_version: str | None
    look: Callable[[Audit], Details] | None  # looks into address and bodies, where they tell more


Key = tuple[str, str, str, str, str, int | None, str]
known: dict[Key, Shape] = {}


def shape_of(key: Key) -> Shape:
    """The shape for (verb, resource, subresource, apiGroup, apiVersion, code, decision), and remember it."""
    verb, resource, subresource, group, version, code, decision = key
    if len(known) >= MOST_SHAPES:
        known.clear()
    category, types = _category(verb, resource, subresource, code)
    verdict = _verdict(code, decision)
    shape = known[key] = Shape(
        category,
        (*types, verdict) if verdict else types,
        _outcome(code, decision),
        _METHODS.get(verb, verb.upper() or None),
        (f"{group}/{version}" if group else version) or None,
        _details(verb, resource, subresource),
    )
    return shape


def _category(
    verb: str, resource: str, subresource: str, code: int | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if code == 401 or resource == "tokenreviews":
        return ("api", "authentication"), ("info",)
    connects = subresource in _CONNECTIONS or (subresource == "ephemeralcontainers" and verb in WRITES)
    if connects and resource == "pods":
        return ("api", "process", "session"), ("start", "access")
    change = WRITES.get(verb)
    if change is None:
        return ("api",), ("access",) if verb else ("info",)
    if resource in _ADMIN:
        return ("api", "iam"), (change, "admin")
    if resource in _USER:
        return ("api", "iam"), (change, "user")
    if resource in _CONFIGURATION:
        return ("api", "configuration"), (change,)
    return ("api",), (change,)


def _outcome(code: int | None, decision: str) -> str:
    if decision == "forbid" or (code is not None and code >= 400):
        return "failure"
    return "success" if code is not None and code >= 100 else "unknown"


def _verdict(code: int | None, decision: str) -> str:
    if decision == "forbid" or (not decision and code in (401, 403)):
        return "denied"
    return "allowed" if decision == "allow" else ""


def _details(verb: str, resource: str, subresource: str) -> Callable[[Audit], Details] | None:
    if resource == "pods" and subresource in ("exec", "attach", "portforward", "log"):
        return connection
    if verb not in ("create", "update", "patch"):
        return None
    if resource in ("rolebindings", "clusterrolebindings") and not subresource:
        return binding
    if resource == "serviceaccounts" and subresource == "token":
        return token
    if resource in PODS and subresource in ("", "ephemeralcontainers"):
        return workload
    if verb == "create" and not subresource and resource and resource not in REVIEWS:
        return created
    return None
