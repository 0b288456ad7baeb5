"""Make events of records, whether just read or found again in the journal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from collector.formats import FORMATS
from event_model.errors import ConfigError, Unreadable
from event_model.event import Event, Origin, Record
from event_model.parts import Format
from store.journal import Entry

log = logging.getLogger(__name__)


class Normalizer:
    """Formats by source and name, each made once; calling it with a journal entry gives the entry's event."""

    def __init__(self, options: Mapping[str, dict[str, Any]] | None = None) -> None:
        """`options`: format options by source name, from the configuration."""
        self._options = dict(options or {})
        self._made: dict[tuple[str, str], Format] = {}

    def format(self, source: str, name: str) -> Format:
        """The format `name` as the source has it configured. Raises ConfigError for an unknown name."""
        key = (source, name)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = FORMATS.make(name, self._options.get(source))
        return made

    def __call__(self, entry: Entry) -> Event:
        """The event of a record in the journal; a dead letter's says why it is one. Never raises."""
        reason = entry.reason
        if not reason:
            try:
                return self.format(entry.origin.source, entry.origin.format).normalize(
                    entry.record, entry.origin
                )
            except (Unreadable, ConfigError) as error:  # read by an older version, or a format that is gone
                reason = str(error)
            except Exception as error:  # a record that its format stumbles over must not stop the rest
                log.exception("format failed", extra={"format": entry.origin.format})
                reason = f"the format failed: {type(error).__name__}: {error}"
        return dead_event(entry.record, entry.origin, reason, entry.received)


def dead_event(record: Record, origin: Origin, reason: str, received: float) -> Event:
    """The `pipeline_error` event of a record that could not be read; its time is when it was received."""
    moment = datetime.fromtimestamp(received, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Event(
        record, origin, {}, _dead_sentence, moment, "tallyman.dead_letters",
        module="tallyman", provider="tallyman", kind="pipeline_error", action="unreadable",
        outcome="failure", reason=reason, repeats=True, cluster=origin.cluster or None,
    )  # fmt: skip


def _dead_sentence(event: Event) -> str:
    place = f"{event.origin.path or event.origin.source} at byte {event.record.offset}"
    return f"a record of {place} could not be read as {event.origin.format or 'anything'}: {event.reason}"


NormalizeEntry = Callable[[Entry], Event]
