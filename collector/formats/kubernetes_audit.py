"""Audit log of a Kubernetes API server (audit.k8s.io/v1, v1beta1): a JSON event a line, or EventList documents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from collector import lenient
from collector.documents import Documents
from collector.envelopes import listed
from collector.kubernetes.audit import ABSENT, Audit, Brief, ObjectRef, Status, User, peek, read, typed
from collector.kubernetes.behaviour import BEHAVIOUR
from collector.kubernetes.events import HERE, build, usual
from collector.kubernetes.redact import redacted
from event_model.behaviour import Behaviour
from event_model.event import Event, Origin, Record

__all__ = ["ABSENT", "Audit", "Brief", "Format", "ObjectRef", "Status", "User"]

_VERSION = re.compile(rb'"apiVersion"\s*:\s*"audit\.k8s\.io/')
HEAD = 300  # bytes in which a document says what it is


@dataclass(frozen=True, slots=True)
class Format:
    behaviour: ClassVar[Behaviour] = BEHAVIOUR
    single: ClassVar[bytes] = b'{"kind":"Event",'  # what begins so is one record

    def split(self, raw: bytes) -> Iterable[bytes]:
        """The events of an EventList or of a JSON array; else the record as it is. Raises Unreadable."""
        if raw.startswith(self.single):
            return (raw,)
        return items(raw)

    def normalize(self, record: Record, origin: Origin) -> Event:
        """The event that one record tells of. Raises Unreadable."""
        raw = record.raw
        if raw.isascii():  # as almost every record is: decoded here, without a call for each step
            try:
                audit = typed(raw)
            except (ValueError, RecursionError):
                return _mended(record, origin)
            if audit.auditID:
                return usual(record, origin, audit)
        return _mended(record, origin)

    def redact(self, record: Record, event: Event) -> Record:
        """The record with secret values replaced."""
        raw = redacted(record.raw, event)
        return record if raw is record.raw else Record(raw, record.offset, record.hash())

    def peek(self, raw: bytes) -> Brief | None:
        """As much of a record as tells whether any rule could want it; None where only `normalize` can tell."""
        return peek(raw)

    def joiner(self, state: Any = None) -> Documents:
        """Joins the lines of pretty-printed documents."""
        return Documents(state)

    @staticmethod
    def recognise(sample: bytes) -> float:
        """How sure it is that a file which begins so is an audit log."""
        head = sample.removeprefix(lenient.BOM).lstrip()[: 4 * HEAD]
        if head[:1] not in (b"{", b"["):
            return 0.0
        if _VERSION.search(head):
            return 1.0
        return 0.7 if b'"auditID"' in head and b'"stage"' in sample else 0.0


def _mended(record: Record, origin: Origin) -> Event:
    audit, malformed = read(record.raw)
    return build(record, origin, audit, HERE, malformed)


def items(raw: bytes) -> Iterable[bytes]:
    """The records inside an EventList or JSON array, or the record itself. Raises Unreadable."""
    head = raw[:HEAD].removeprefix(lenient.BOM).lstrip()
    if head[:1] == b"[" or b'"EventList"' in head or b'"items"' in head:
        found = listed(raw, "items")
        if found is not None:
            return found
    return (raw,)
