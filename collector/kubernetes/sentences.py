"""Say what a Kubernetes request did, in one plain sentence."""

from __future__ import annotations

import re
from collections.abc import Callable

from collector.kubernetes.bodies import assigned, cordon, question, replicas, restarts, verdict
from collector.kubernetes.details import Binding, account, written
from collector.kubernetes.resources import CLUSTER_WIDE, NAMESPACED, plural, singular
from collector.sentences import clean, opens_shell
from event_model.event import Event

# past tense and infinitive of what a verb does to one object
_VERBS = {
    "get": ("read", "read"),
    "list": ("listed", "list"),
    "watch": ("watched", "watch"),
    "create": ("created", "create"),
    "post": ("posted to", "post to"),
    "update": ("updated", "update"),
    "put": ("put", "put"),
    "patch": ("changed", "change"),
    "delete": ("deleted", "delete"),
    "deletecollection": ("deleted all", "delete all"),
    "head": ("looked for", "look for"),
    "options": ("asked about", "ask about"),
}
_REFUSED = re.compile(r'[a-z]+ "([^"]+)" is forbidden: User "[^"]*" cannot impersonate ')
Deed = tuple[str, str, str]  # past tense, infinitive, and what it was done to
MOST_COMMAND = 1000


def sentence(event: Event) -> str:
    """Such as `alice (as bob) was refused permission to read secret shop/db`."""
    if event.status_code == 401:
        asked = f"{event.action or 'request'} {clean(event.url or '')}".strip()
        return f"{who(event, 'someone')} failed to log in from {clean(event.source_ip or 'an unknown address')} ({asked})"
    if other := refused_identity(event):
        return f"{who(event)} was refused permission to act as {clean(other)}"
    past, infinitive, what = deed(event)
    if event.outcome != "failure":
        return f"{who(event)} {past} {what}"
    if "denied" in event.type or event.status_code == 403:
        return f"{who(event)} was refused permission to {infinitive} {what}"
    return f"{who(event)} tried to {infinitive} {what}: {_failure(event)}"


def refused_identity(event: Event) -> str:
    """Whom a caller was not allowed to impersonate: only the answer tells, for the record names nobody else then."""
    status = getattr(event.native, "responseStatus", None)
    if event.status_code != 403 or status is None or "cannot impersonate" not in status.message:
        return ""
    found = _REFUSED.match(status.message)
    return found[1] if found else ""


def who(event: Event, nobody: str = "an unknown user") -> str:
    """The user, and the one that it acted as."""
    if event.user_name == "system:anonymous":
        name = "an anonymous user"
    else:
        name = clean(event.user_name) if event.user_name else nobody
    return f"{name} (as {clean(event.user_effective)})" if event.user_effective else name


def deed(event: Event) -> Deed:
    """What was done, in the words for this verb and resource."""
    resource, verb = event.resource_type, event.action or ""
    if not resource:
        past, infinitive = _VERBS.get(verb, (f"sent {clean(verb) or 'an unknown method'} to",) * 2)
        return past, infinitive.replace("sent", "send", 1), clean(event.url or "an unknown path")
    if event.subresource:
        return _SUBRESOURCES.get(event.subresource, _subresource)(event)
    return _RESOURCES.get(resource, _plain)(event) or _plain(event)


def thing(event: Event) -> str:
    """`secret shop/db`, `secrets in shop`, `pods in all namespaces`, `node worker-1`."""
    resource, name, namespace = event.resource_type or "", event.resource_name, event.namespace
    if name:
        return f"{clean(singular(resource))} {place(event)}"
    if event.action == "create":
        kind = clean(singular(resource))
        article = "an" if kind[:1] in "aeiou" else "a"
        return f"{article} {kind}" + (f" in {clean(namespace)}" if namespace else "")
    if namespace and resource not in CLUSTER_WIDE:
        return f"{clean(plural(resource))} in {clean(namespace)}"
    return clean(plural(resource)) + (" in all namespaces" if resource in NAMESPACED else "")


def place(event: Event) -> str:
    """`shop/db`, or the name alone where there is no namespace."""
    name = clean(event.resource_name or "?")
    if event.namespace and event.resource_type not in CLUSTER_WIDE:
        return f"{clean(event.namespace)}/{name}"
    return name


def _failure(event: Event) -> str:
    status = getattr(event.native, "responseStatus", None)
    reason = (status.reason or status.message) if status else ""
    return clean(f"{event.status_code or ''} {reason or ''}".strip()) or "it failed"


def _plain(event: Event) -> Deed:
    verb = event.action or ""
    if verb not in _VERBS:
        return (
            f"{clean(verb) or 'sent an unknown method to'}",
            f"{clean(verb) or 'send an unknown method to'}",
            _fallback(event),
        )
    past, infinitive = _VERBS[verb]
    return past, infinitive, thing(event)


def _fallback(event: Event) -> str:
    return f"{clean(event.resource_type or '')} {place(event)}"


def _subresource(event: Event) -> Deed:
    past, infinitive = _VERBS.get(
        event.action or "", (clean(event.action or "touched"), clean(event.action or "touch"))
    )
    return past, infinitive, f"{clean(event.subresource or '')} of {thing(event)}"


def _run(event: Event) -> Deed:
    container = f" ({clean(event.container_name)})" if event.container_name else ""
    where = f"{place(event)}{container}"
    line = clean(event.command_line or "", MOST_COMMAND)
    if event.subresource == "attach":
        return "attached to", "attach to", where
    if opens_shell(event.args):
        return "opened a shell in", "open a shell in", f"{where}: {line}"
    return "ran a command in", "run a command in", f"{where}: {line}" if line else where


def _forward(event: Event) -> Deed:
    return "forwarded ports to", "forward ports to", place(event)


def _logs(event: Event) -> Deed:
    container = f" ({clean(event.container_name)})" if event.container_name else ""
    return "read the log of", "read the log of", f"{place(event)}{container}"


def _token(event: Event) -> Deed:
    return "requested a token for", "request a token for", f"service account {place(event)}"


def _evict(event: Event) -> Deed:
    return "evicted", "evict", thing(event)


def _proxy(event: Event) -> Deed:
    path = (event.url or "").partition("/proxy")[2].partition("?")[0]
    return (
        "called",
        "call",
        f"{thing(event)} through the API server" + (f": {clean(path)}" if path.strip("/") else ""),
    )


def _debug(event: Event) -> Deed:
    if event.action not in ("update", "patch"):
        return _subresource(event)
    image = f" ({clean(event.images[-1])})" if event.images else ""
    return "added a debug container to", "add a debug container to", f"{thing(event)}{image}"


def _scale(event: Event) -> Deed:
    if event.action not in ("update", "patch"):
        return _subresource(event)
    count = replicas(event)
    return "scaled", "scale", thing(event) + (f" to {count}" if count is not None else "")


def _approve(event: Event) -> Deed:
    past = {"approve": "approved", "deny": "denied"}.get(verdict(event), "decided on")
    return past, verdict(event) or "decide on", thing(event)


def _finalize(event: Event) -> Deed:
    return "finalized", "finalize", thing(event)


def _assign(event: Event) -> Deed:
    return "assigned", "assign", f"{thing(event)} to {clean(assigned(event)) or 'a node'}"


def _node(event: Event) -> Deed | None:
    out = cordon(event)
    if out is None:
        return None
    return ("cordoned", "cordon", thing(event)) if out else ("uncordoned", "uncordon", thing(event))


def _bind(event: Event) -> Deed | None:
    bound = written(event.native, Binding) if event.action in ("create", "update", "patch") else None
    if bound is None or not bound.roleRef.name:
        return None
    role = f"{clean(singular(bound.roleRef.kind.lower() + 's'))} {clean(bound.roleRef.name)}"
    subjects = [clean(account(subject)) for subject in bound.subjects or () if subject.name]
    others = f" and {len(subjects) - 1} more" if len(subjects) > 1 else ""
    where = f" in {clean(event.namespace)}" if event.namespace else ""
    name = f" ({thing(event)})" if event.resource_name else ""
    return "gave", "give", f"{role} to {subjects[0] if subjects else 'nobody'}{others}{where}{name}"


def _workload(event: Event) -> Deed | None:
    if restarts(event):
        return "restarted", "restart", thing(event)
    if event.action != "create" or not event.images:
        return None
    images = ", ".join(clean(image) for image in event.images[:3])
    more = f" and {len(event.images) - 3} more" if len(event.images) > 3 else ""
    return "created", "create", f"{thing(event)} (image {images}{more})"


def _may(event: Event) -> Deed:
    user, asked = question(event)
    subject = (
        clean(user) if user else "it" if event.resource_type == "selfsubjectaccessreviews" else "someone"
    )
    what = asked.path or "/".join(filter(None, (asked.resource, asked.subresource, asked.name)))
    if not (asked.verb or what):
        return "asked whether", "ask whether", f"{subject} may do something"
    where = f" in {clean(asked.namespace)}" if asked.namespace else ""
    return "asked whether", "ask whether", f"{subject} may {clean(asked.verb)} {clean(what)}{where}"


def _own(event: Event) -> Deed:
    return (
        "asked for",
        "ask for",
        "its own permissions" if "rules" in (event.resource_type or "") else "its own name",
    )


def _check(event: Event) -> Deed:
    return "checked", "check", "a token"


_SUBRESOURCES: dict[str, Callable[[Event], Deed]] = {
    "exec": _run,
    "attach": _run,
    "portforward": _forward,
    "log": _logs,
    "token": _token,
    "eviction": _evict,
    "proxy": _proxy,
    "ephemeralcontainers": _debug,
    "scale": _scale,
    "approval": _approve,
    "binding": _assign,
    "finalize": _finalize,
}
_RESOURCES: dict[str, Callable[[Event], Deed | None]] = {
    "rolebindings": _bind,
    "clusterrolebindings": _bind,
    "nodes": _node,
    "selfsubjectrulesreviews": _own,
    "selfsubjectreviews": _own,
    "selfsubjectaccessreviews": _may,
    "localsubjectaccessreviews": _may,
    "subjectaccessreviews": _may,
    "tokenreviews": _check,
    **dict.fromkeys(
        [
            "pods",
            "deployments",
            "replicasets",
            "statefulsets",
            "daemonsets",
            "jobs",
            "cronjobs",
            "replicationcontrollers",
        ],
        _workload,
    ),
}
