"""Find the parts of a Kubernetes request that hold secrets, and make them again without."""

from __future__ import annotations

from itertools import accumulate
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Raw

from collector import lenient, secrets
from collector.credentials import mask
from collector.kubernetes.audit import Audit, absent
from event_model.event import Event

_STORES = frozenset(("secrets", "configmaps"))
_VALUES = ("data", "stringData", "binaryData")
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
BODIES = ("requestObject", "responseObject")


def redacted(raw: bytes, event: Event) -> bytes:
    """The record's bytes without secret values; the very same bytes where it holds none."""
    changed = changes(event)
    if not changed:
        return raw
    whole, broken = lenient.fields(raw)
    if broken:  # written anew, it would be another event: one without anything broken in it
        return secrets.redact_text(raw)
    return msgspec.json.encode({**whole, **changed})


def changes(event: Event) -> dict[str, Any]:
    """The members of the canonical record that hold secrets, as they should be kept."""
    audit = event.native
    assert isinstance(audit, Audit)
    changed: dict[str, Any] = {}
    uri = audit.requestURI
    if "?" in uri:
        kept = secrets.in_address(_commands(uri) if "command=" in uri else uri)
        if kept != uri:
            changed["requestURI"] = kept
    for name in BODIES:
        body = getattr(audit, name)
        if len(body) > 4 and not absent(body):
            kept_body = _body(body, audit)
            if kept_body is not None:
                changed[name] = kept_body
    return changed


def _commands(uri: str) -> str:
    """The address of an exec without the credentials on its command line."""
    path, _, query = uri.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    words = [value for name, value in pairs if name == "command"]
    kept = masked(words)
    if kept == words:
        return uri
    left = iter(kept)
    query = urlencode(
        [(name, next(left) if name == "command" else value) for name, value in pairs], safe="[]"
    )
    return f"{path}?{query}"


def masked(words: list[str]) -> list[str]:
    """The words of a command without credentials; a word's mask depends on the words before it."""
    alone = [mask(word) for word in words]
    line = " ".join(alone)
    pieces = mask(line).split(" ")
    if len(pieces) != len(line.split(" ")):  # no way to tell what belongs to which word
        return [*words[:1], *[secrets.MARK] * (len(words) - 1)]
    counts = [word.count(" ") + 1 for word in alone]
    return [
        " ".join(pieces[end - count : end]) for count, end in zip(counts, accumulate(counts), strict=True)
    ]


def _body(body: Raw, audit: Audit) -> Raw | None:
    ref = audit.objectRef
    resource = ref.resource if ref else ""
    holds = (
        resource in _STORES or resource == "tokenreviews" or (ref is not None and ref.subresource == "token")
    )
    if not holds and not secrets.suspicious(bytes(body)):
        return None
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return Raw(secrets.redact_text(bytes(body)))
    kept = secrets.clean(value)
    if resource in _STORES:
        kept = _store(kept)
    elif holds:
        kept = _token(kept)
    return Raw(msgspec.json.encode(kept)) if kept != value else None


def _store(value: Any) -> Any:
    """A Secret or ConfigMap, a list of them, or a patch to one, with names and without values."""
    if isinstance(value, list):
        return [_operation(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = dict(value)
    for name in _VALUES:
        if name in kept:
            kept[name] = secrets.blank(kept[name])
    if isinstance(kept.get("items"), list):
        kept["items"] = [_store(item) for item in kept["items"]]
    metadata = kept.get("metadata")
    notes = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(metadata, dict) and isinstance(notes, dict) and _APPLIED in notes:
        kept["metadata"] = {**metadata, "annotations": {**notes, _APPLIED: secrets.MARK}}
    return kept


def _operation(value: Any) -> Any:
    """One step of a JSON patch."""
    if not isinstance(value, dict):
        return value
    path = str(value.get("path", ""))
    if "value" in value and (path in ("", "/") or path.startswith(tuple(f"/{name}" for name in _VALUES))):
        inner = value["value"]
        return {**value, "value": _store(inner) if path in ("", "/") else secrets.blank(inner)}
    return {**value, "value": secrets.MARK} if _APPLIED.replace("/", "~1") in path else value


def _token(value: Any) -> Any:
    """A TokenRequest or TokenReview."""
    if not isinstance(value, dict):
        return value
    kept = dict(value)
    for part in ("spec", "status"):
        inner = kept.get(part)
        if isinstance(inner, dict) and inner.get("token"):
            kept[part] = {**inner, "token": secrets.MARK}
    return kept
