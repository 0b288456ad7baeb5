"""Write the kubectl command that does the same as a request."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

from collector.kubernetes.audit import Audit, absent
from collector.kubernetes.bodies import cordon, question, replicas, restarts, verdict
from collector.kubernetes.details import Binding, Subject, written
from collector.kubernetes.resources import CLUSTER_WIDE, NAMESPACED
from collector.kubernetes.sentences import refused_identity
from collector.sentences import quote
from event_model.event import Event

Words = list[str]
MOST_PATCH = 500  # bytes of a patch that still goes on a command line


def command(event: Event) -> str:
    """`kubectl -n prod exec api-7f9c -c app -- sh -c id`; empty where kubectl has nothing like it."""
    if not isinstance(event.native, Audit):
        return ""
    words = _words(event)
    if not words:
        return ""
    start, dashes, rest = words, [], []  # type: Words, Words, Words
    if "--" in words:
        cut = words.index("--")
        start, dashes, rest = words[:cut], ["--"], words[cut + 1 :]
    place = [] if "--raw" in start else _namespace(event)
    whole = ["kubectl", *place, *start, *_acting(event), *dashes, *rest]
    return " ".join(map(quote, whole))


def _namespace(event: Event) -> Words:
    if event.namespace and event.resource_type not in CLUSTER_WIDE:
        return ["-n", event.namespace]
    return []


def _acting(event: Event) -> Words:
    name = event.user_effective or refused_identity(event)
    words = ["--as", name] if name else []
    for group in (event.user_effective_groups or ()) if words else ():
        if group != "system:authenticated":
            words += ["--as-group", group]
    return words


def _words(event: Event) -> Words:
    if not event.resource_type:
        return ["get", "--raw", event.url] if event.url and event.action in ("get", "list", "watch") else []
    if event.subresource:
        special = _SUBRESOURCES.get(event.subresource)
        return special(event) if special else _raw(event)
    special = _RESOURCES.get((event.action or "", event.resource_type))
    if special is not None:
        return special(event)
    plain = _VERBS.get(event.action or "")
    return plain(event) if plain else []


def _raw(event: Event) -> Words:
    """A subresource that kubectl has no word for."""
    if event.action == "get" and event.url:
        return ["get", "--raw", event.url]
    if event.action in ("patch", "update") and event.resource_name:
        return ["edit", _kind(event), event.resource_name, "--subresource", event.subresource or ""]
    return []


def _kind(event: Event) -> str:
    """The resource, with its group where the name alone may be another's."""
    resource = event.resource_type or ""
    group = (event.api_version or "").rpartition("/")[0]
    if not group or resource in NAMESPACED or resource in CLUSTER_WIDE:
        return resource
    return f"{resource}.{group}"


def _named(event: Event) -> Words:
    return [event.resource_name] if event.resource_name else []


def _get(event: Event) -> Words:
    words = ["get", _kind(event), *_named(event)]
    everywhere = event.resource_type not in CLUSTER_WIDE and not event.namespace and not event.resource_name
    if everywhere and event.action in ("list", "watch"):
        words.append("-A")
    words += _selectors(event)
    return [*words, "--watch"] if event.action == "watch" else words


def _selectors(event: Event) -> Words:
    try:
        asked = parse_qs((event.url or "").partition("?")[2], errors="replace")
    except ValueError:
        return []
    words: Words = []
    for parameter, option in (("labelSelector", "-l"), ("fieldSelector", "--field-selector")):
        value = asked.get(parameter)
        if value and not (parameter == "fieldSelector" and event.resource_name):
            words += [option, value[0]]
    return words


def _create(event: Event) -> Words:
    return ["create", "-f", "-"]


def _update(event: Event) -> Words:
    return ["edit", _kind(event), *_named(event)] if event.resource_name else ["replace", "-f", "-"]


def _patch(event: Event) -> Words:
    if restarts(event):
        return ["rollout", "restart", _kind(event), *_named(event)]
    body = bytes(event.native.requestObject)
    secret = event.resource_type in ("secrets", "configmaps")  # nothing to show, even before it is replaced
    if secret or absent(event.native.requestObject) or len(body) > MOST_PATCH:
        return _update(event)
    kind = "json" if body.startswith(b"[") else "merge"
    return ["patch", _kind(event), *_named(event), "--type", kind, "-p", body.decode("utf-8", "replace")]


def _delete(event: Event) -> Words:
    words = ["delete", _kind(event), *_named(event)]
    if event.resource_name:
        return words
    chosen = _selectors(event)
    return words + (chosen or ["--all"])


def _exec(event: Event) -> Words:
    words = [event.subresource or "exec", *_named(event)]
    words += ["-c", event.container_name] if event.container_name else []
    words += ["-it"] if event.interactive else []
    return [*words, "--", *event.args] if event.args else words


def _forward(event: Event) -> Words:
    return ["port-forward", *_named(event), "PORT"]


def _logs(event: Event) -> Words:
    return ["logs", *_named(event), *(["-c", event.container_name] if event.container_name else [])]


def _scale(event: Event) -> Words:
    count = replicas(event) if event.action in ("patch", "update") else None
    if count is None:
        return _raw(event)
    return ["scale", _kind(event), *_named(event), "--replicas", str(count)]


def _evict(event: Event) -> Words:
    return ["delete", "pods", *_named(event)]


def _debug(event: Event) -> Words:
    if event.action not in ("patch", "update"):
        return _raw(event)
    return ["debug", *_named(event), *(["--image", event.images[-1]] if event.images else [])]


def _token(event: Event) -> Words:
    return ["create", "token", *_named(event)] if event.resource_type == "serviceaccounts" else _raw(event)


def _approval(event: Event) -> Words:
    decided = verdict(event)
    return ["certificate", decided, *_named(event)] if decided else []


def _simple(event: Event) -> Words:
    """`create namespace x` and its like."""
    kind = {"namespaces": "namespace", "serviceaccounts": "serviceaccount"}[event.resource_type or ""]
    return ["create", kind, *_named(event)]


def _run(event: Event) -> Words:
    return ["run", *_named(event), "--image", event.images[0]] if event.images else _create(event)


def _patch_node(event: Event) -> Words:
    out = cordon(event)
    return _patch(event) if out is None else ["cordon" if out else "uncordon", *_named(event)]


def _bind(event: Event) -> Words:
    bound = written(event.native, Binding)
    if bound is None or not bound.roleRef.name or not event.resource_name:
        return _create(event)
    kind = "rolebinding" if event.resource_type == "rolebindings" else "clusterrolebinding"
    role = "--role" if bound.roleRef.kind == "Role" else "--clusterrole"
    subjects = [word for subject in bound.subjects or () if subject.name for word in _subject(subject)]
    return ["create", kind, event.resource_name, role, bound.roleRef.name, *subjects]


def _subject(subject: Subject) -> Words:
    if subject.kind == "ServiceAccount":
        return ["--serviceaccount", f"{subject.namespace}:{subject.name}"]
    return ["--group" if subject.kind == "Group" else "--user", subject.name]


def _can_i(event: Event) -> Words:
    user, asked = question(event)
    words = ["auth", "can-i", asked.verb or "VERB", asked.path or asked.resource or "RESOURCE"]
    if asked.name:
        words[-1] += f"/{asked.name}"
    words += ["--subresource", asked.subresource] if asked.subresource else []
    words += ["-n", asked.namespace] if asked.namespace and not event.namespace else []
    return [*words, "--as", user] if user else words


def _list_rights(event: Event) -> Words:
    return ["auth", "can-i", "--list"]


def _whoami(event: Event) -> Words:
    return ["auth", "whoami"]


_VERBS: dict[str, Callable[[Event], Words]] = {
    "get": _get,
    "list": _get,
    "watch": _get,
    "create": _create,
    "update": _update,
    "patch": _patch,
    "delete": _delete,
    "deletecollection": _delete,
}
_SUBRESOURCES: dict[str, Callable[[Event], Words]] = {
    "exec": _exec,
    "attach": _exec,
    "portforward": _forward,
    "log": _logs,
    "scale": _scale,
    "eviction": _evict,
    "ephemeralcontainers": _debug,
    "token": _token,
    "approval": _approval,
}
_RESOURCES: dict[tuple[str, str], Callable[[Event], Words]] = {
    ("create", "namespaces"): _simple,
    ("create", "serviceaccounts"): _simple,
    ("create", "pods"): _run,
    ("patch", "nodes"): _patch_node,
    ("create", "rolebindings"): _bind,
    ("create", "clusterrolebindings"): _bind,
    ("create", "subjectaccessreviews"): _can_i,
    ("create", "localsubjectaccessreviews"): _can_i,
    ("create", "selfsubjectaccessreviews"): _can_i,
    ("create", "selfsubjectrulesreviews"): _list_rights,
    ("create", "selfsubjectreviews"): _whoami,
}
