"""An event that an alert can name after a restart: which record it is, and where it comes from; no line and no secret."""

from __future__ import annotations

from msgspec import Struct

from event_model.event import Event, Origin, Record

NAMES = (
    "dataset", "module", "provider", "kind", "id", "action", "outcome", "user_name", "source_ip", "cluster",
    "namespace", "resource_type", "resource_name", "container_id", "container_name", "pod_name", "node_name", "stream",
)  # fmt: skip  # texts of an event that alerts are grouped and told by


class Example(Struct, array_like=True):
    """An Event without its record, which the journal has."""

    origin: Origin
    timestamp: str
    digest: str
    offset: int
    repeats: bool
    texts: dict[str, str]


def example(event: Event) -> Example:
    texts = {name: text for name in NAMES if (text := getattr(event, name))}
    record = event.record
    return Example(event.origin, event.timestamp, record.hash(), record.offset, event.repeats, texts)


def event(kept: Example) -> Event:
    """The event, as far as an alert names it: it has the identity of the one that was kept."""
    texts = {"dataset": "", **{name: text for name, text in kept.texts.items() if name in NAMES}}
    record = Record(b"", kept.offset, kept.digest)
    return Event(
        record,
        kept.origin,
        {},
        _sentence,
        timestamp=kept.timestamp,
        repeats=kept.repeats,
        **texts,  # type: ignore[arg-type]
    )


def _sentence(event: Event) -> str:
    return (
        f"{event.user_name or event.container_name or event.origin.source}: {event.action or event.dataset}"
    )
