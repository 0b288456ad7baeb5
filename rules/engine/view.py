"""One event as rules look at it: bodies parsed when asked for, the written object, the pod inside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from event_model.event import Event

_UNREAD: Any = object()
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_WORKLOADS = ("deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "replicationcontrollers")


def decode(raw: Any) -> Any:
    """What a body says, None when there is none or it can't be read; in the event it waits unparsed."""
    if isinstance(raw, (msgspec.Raw, bytes)):
        if not bytes(raw):
            return None
        try:
            return msgspec.json.decode(raw)
        except (ValueError, RecursionError):  # the line was understood, this part of it can't be
            return None
    return raw


class View:
    """An event and what has been read from it so far; lives while one event is looked at."""

    __slots__ = ("_object", "_pod", "_request", "_response", "_text", "event", "known", "native")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.native = event.native
        self.known: dict[str, Sequence[Any]] = {}  # values of paths that were asked for, by name
        self._request = self._response = self._object = self._pod = self._text = _UNREAD

    @property
    def request(self) -> Any:
        if self._request is _UNREAD:
            self._request = decode(getattr(self.native, "requestObject", None))
        return self._request

    @property
    def response(self) -> Any:
        if self._response is _UNREAD:
            self._response = decode(getattr(self.native, "responseObject", None))
        return self._response

    @property
    def object(self) -> Any:
        """The written object as it stands after the request, or as it was asked for."""
        if self._object is _UNREAD:
            self._object = self._written()
        return self._object

    def _written(self) -> Any:
        if self.native.verb == "patch":
            return _thing(self.response) or _thing(self.request)
        return _thing(self.request) or _thing(self.response)

    @property
    def pod(self) -> dict[str, Any] | None:
        """Metadata, spec and all containers of the pod that the object holds, wherever it stands."""
        if self._pod is _UNREAD:
            ref = getattr(self.native, "objectRef", None)
            self._pod = _pod(self.object, getattr(ref, "resource", ""))
        return self._pod  # type: ignore[no-any-return]

    @property
    def text(self) -> str:
        """The record's text in lower case, with what its escapes mean."""
        if self._text is _UNREAD:
            self._text = words(self.event)
        return self._text  # type: ignore[no-any-return]


def words(event: Event) -> str:
    """The raw record in lower case; where it holds escapes (`\\u0026`), its strings follow unescaped."""
    text = event.record.raw.decode("utf-8", "replace")
    if "\\" in text:
        plain = decode(event.record.raw)
        text = "\n".join([text, *_strings(plain)])
    return text.lower()


def _strings(node: Any) -> Iterator[str]:
    waiting = [node]  # no recursion: an attacker chooses the depth
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            waiting.extend(node.keys())
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _thing(body: Any) -> dict[str, Any] | None:
    """The body if it is an object of the cluster: no JSON Patch, answer `Status` or options of a delete."""
    if isinstance(body, dict) and body.get("kind") not in ("Status", "DeleteOptions"):
        return body
    return None


def _inner(node: Any, *names: str) -> dict[str, Any] | None:
    for name in names:
        node = node.get(name) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None


def _template(thing: dict[str, Any], resource: str) -> dict[str, Any] | None:
    """The part of an object that has a pod's `metadata` and `spec`."""
    if resource == "pods":
        return thing
    if resource == "podtemplates":
        return _inner(thing, "template")
    if resource == "cronjobs":
        return _inner(thing, "spec", "jobTemplate", "spec", "template")
    found = _inner(thing, "spec", "template")
    if found and resource not in _WORKLOADS and "containers" not in (_inner(found, "spec") or ()):
        return None  # a template of something else
    return found


def _pod(thing: dict[str, Any] | None, resource: str) -> dict[str, Any] | None:
    template = _template(thing, resource) if thing else None
    spec = _inner(template, "spec")
    if template is None or spec is None:
        return None
    lists = [spec.get(name) for name in _CONTAINERS]
    containers = [
        item for items in lists if isinstance(items, list) for item in items if isinstance(item, dict)
    ]
    return {"metadata": template.get("metadata"), "spec": spec, "containers": containers}
