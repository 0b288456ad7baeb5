"""What lines of containers tell of behaviour: who wrote them, how long they are, how many are errors, and their text."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import msgspec

from collector.container_logs import place, workload
from event_model.behaviour import Behaviour, Facets
from event_model.event import Event

SERVICES = ("com.docker.swarm.service.name", "com.docker.compose.service")
PROJECT = "com.docker.compose.project"
MOST = 200  # characters of a name
LOOKED_AT = 1000  # bytes of a line
TEXTS = ("msg", "message", "log", "event", "error", "err")

_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def key(event: Event) -> Hashable:
    """A file has the lines of one container; where the engine writes labels, they may name its service."""
    labels = event.container_labels
    if labels is None:
        return (event.origin.path, event.stream)
    return (event.origin.path, event.stream, *map(labels.get, (*SERVICES, PROJECT, "tag", "name")))


def facets(event: Event) -> Facets | None:
    """The container as what stays when it is replaced; None where neither path nor labels tell."""
    who = container(event)
    if who is None:
        return None
    return Facets(
        actor=who,
        group="containers",
        action=f"write {event.stream or 'log'}",
        kind="log line",
        namespace=event.namespace or (event.container_labels or {}).get(PROJECT),
    )


def container(event: Event) -> str | None:
    """`prod/api/app` of a pod, the service of Swarm or compose, else the start of the container's id."""
    where, labels = place(event.origin.path), event.container_labels or {}
    if where.pod:
        return workload(where.namespace or "", where.pod, where.container or "")[:MOST]
    if service := labels.get(SERVICES[0]):
        return service[:MOST]
    if service := labels.get(SERVICES[1]):
        return f"{labels.get(PROJECT, '')}/{service}".lstrip("/")[:MOST]
    return (labels.get("name") or labels.get("tag") or (where.container_id or "")[:12] or event.origin.path)[
        -MOST:
    ] or None


def text(event: Event) -> str | None:
    """The line; of a line that is a JSON object, its level and message."""
    line = event.message
    return told(line) if line.startswith("{") else line


def told(line: str) -> str:
    """`error: cannot bind` of `{"level":"error","msg":"cannot bind",…}`; what is no such object stays as it is."""
    try:
        members = _object(line)
    except (ValueError, RecursionError):
        return line
    found = next((said for name in TEXTS if (said := _string(members.get(name)))), None)
    if found is None:
        return line
    level = next((said for name in ("level", "severity", "lvl") if (said := _string(members.get(name)))), "")
    return f"{level}: {found}" if level else found


def _string(raw: msgspec.Raw | None) -> str:
    if raw is None:
        return ""
    try:
        return msgspec.json.decode(raw, type=str)
    except ValueError:
        return ""


def is_error(event: Event) -> float:
    """By the words that loggers write; klog's `E0416` stands at the start of the line. Written out: a loop over the
    words takes three times as long, and this is asked of every line."""
    raw = event.record.raw[:LOOKED_AT]
    return float(
        b"rror" in raw
        or b"ERROR" in raw
        or b"atal" in raw
        or b"FATAL" in raw
        or b"panic" in raw
        or b"xception" in raw
        or b"CRITICAL" in raw
        or b"SEVERE" in raw
        or b" F E0" in raw
        or b" F E1" in raw
        or b'"log":"E0' in raw
        or b'"log":"E1' in raw
    )


def is_stderr(event: Event) -> float:
    return float(event.stream == "stderr")


def size(event: Event) -> float:
    return float(len(event.record.raw))


def priors() -> Mapping[str, float]:
    return {"log line": -2.0}  # programs write all day; what they write is for the templates


BEHAVIOUR = Behaviour(
    key,
    facets,
    numbers={"line bytes": size, "stderr share": is_stderr, "error line share": is_error},
    text=text,
    priors=priors,
)
