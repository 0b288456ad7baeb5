"""Audit log of Azure Kubernetes Service, as diagnostic settings send it: Event Hub envelopes, blob lines, AKSAudit rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import msgspec
from msgspec import Raw, Struct

from collector import lenient
from collector.documents import Documents
from collector.envelopes import chained, listed
from collector.kubernetes.audit import ABSENT, Audit, absent, parse, read
from collector.kubernetes.behaviour import BEHAVIOUR
from collector.kubernetes.events import Place, build
from collector.kubernetes.redact import changes, redacted
from collector.moments import NO_TIME, utc
from collector.sentences import clean
from event_model.behaviour import Behaviour
from event_model.errors import Unreadable
from event_model.event import Event, Origin, Record
from event_model.ready import ready

HEAD = 2000
AUDIT = ("kube-audit", "kube-audit-admin")
SKIPPED = b'"skipped-too-big-size-object"'  # what Azure leaves of a body that is too big


class Entry(Struct, frozen=True, gc=False, omit_defaults=True):
    """A record of a diagnostic setting."""

    time: str = ""
    resourceId: str = ""
    operationName: str = ""
    category: str = ""
    location: str = ""
    properties: Raw = ABSENT


class Properties(Struct, frozen=True, gc=False):
    """`log` is the audit event: as text, or as the object itself."""

    log: Raw = ABSENT


ready(Entry, Properties)


@dataclass(frozen=True, slots=True)
class Format:
    behaviour: ClassVar[Behaviour] = BEHAVIOUR

    def split(self, raw: bytes) -> Iterable[bytes]:
        """The records of an Event Hub message or of several, or the record itself. Raises Unreadable."""
        texts = chained(raw.removeprefix(lenient.BOM))
        found = [record for text in texts for record in _records(text)]
        return (raw,) if found == texts[:1] else found

    def normalize(self, record: Record, origin: Origin) -> Event:
        """The event that one record of a diagnostic setting tells of. Raises Unreadable."""
        inner, entry = _inner(record.raw)
        if entry.category and entry.category not in AUDIT:
            return _platform(record, origin, entry)
        audit, malformed = read(inner)
        if not (audit.stageTimestamp or audit.requestReceivedTimestamp or audit.timestamp):
            audit = msgspec.structs.replace(audit, stageTimestamp=entry.time)
        place = _place(entry.resourceId, entry.location)
        return build(
            record,
            origin,
            audit,
            place,
            malformed,
            _skipped(audit.requestObject) or _skipped(audit.responseObject),
        )

    def redact(self, record: Record, event: Event) -> Record:
        """The record with secret values replaced."""
        if not isinstance(event.native, Audit):
            return record
        changed = changes(event)
        return (
            Record(_changed(record.raw, event, changed), record.offset, record.hash()) if changed else record
        )

    def joiner(self, state: Any = None) -> Documents:
        """Joins the lines of pretty-printed documents."""
        return Documents(state)

    @staticmethod
    def recognise(sample: bytes) -> float:
        """How sure it is that a file which begins so comes from an Azure diagnostic setting of a cluster."""
        head = sample.removeprefix(lenient.BOM).lstrip()[: 4 * HEAD]
        if head[:1] not in (b"{", b"["):
            return 0.0
        lower = head.lower()
        if (
            b'"microsoft.containerservice/managedclusters' in lower
            or b"microsoft.containerservice/managedclusters/" in lower
        ):
            return 1.0
        if b'"kube-audit' in head and b'"category"' in head:
            return 0.9
        return 0.9 if b'"AKSAudit' in head or (b'"RequestUri"' in head and b'"AuditId"' in head) else 0.0


def _records(text: bytes) -> list[bytes]:
    """The `records` of an envelope, in a list of envelopes too; anything else is a record by itself."""
    start = text[:HEAD].lstrip()
    found = listed(text, "records") if start[:1] == b"[" or b'"records"' in start else None
    if found is None:
        return [text]
    return [record for each in found for record in _records(each)] if start[:1] == b"[" else found


def _skipped(body: Raw) -> bool:
    return len(body) == len(SKIPPED) and bytes(body) == SKIPPED


def _inner(raw: bytes) -> tuple[bytes, Entry]:
    """The audit event inside a record, and what stands around it. Raises Unreadable."""
    entry = parse(raw.removeprefix(lenient.BOM), Entry) or lenient.read(raw, Entry)[0]
    if absent(entry.properties):
        return _canonical(raw) if _is_row(raw) else (raw, entry)
    properties = _unquoted(entry.properties)
    log = (parse(properties, Properties) or lenient.read(properties, Properties)[0]).log
    if absent(log):
        raise Unreadable("no audit event: properties.log is missing")
    return _unquoted(log), entry


def _is_row(raw: bytes) -> bool:
    return b'"RequestUri"' in raw or b'"AuditId"' in raw


def _unquoted(value: Raw) -> bytes:
    """An object that may stand as text."""
    text = parse(value, str)
    return bytes(value) if text is None else text.encode("utf-8", "replace")


def _changed(raw: bytes, event: Event, changed: dict[str, Any]) -> bytes:
    """A record whose audit event has other values, in the shape in which it was."""
    members = lenient.fields(raw)[0]
    if "properties" not in members:
        if not _is_row(raw):
            return redacted(raw, event)
        return msgspec.json.encode({**members, **{_COLUMNS[name]: value for name, value in changed.items()}})
    properties = lenient.fields(_unquoted(members["properties"]))[0]
    log = redacted(_unquoted(properties["log"]), event)
    inner = msgspec.json.encode({**properties, "log": _requoted(log, properties["log"])})
    return msgspec.json.encode({**members, "properties": _requoted(inner, members["properties"])})


def _requoted(value: bytes, before: Raw) -> Raw | str:
    """An object, as text where the one before stood as text."""
    return value.decode("utf-8", "replace") if bytes(before)[:1] == b'"' else Raw(value)


_COLUMNS = {
    "verb": "Verb",
    "auditID": "AuditId",
    "level": "Level",
    "stage": "Stage",
    "requestURI": "RequestUri",
    "userAgent": "UserAgent",
    "requestReceivedTimestamp": "RequestReceivedTime",
    "stageTimestamp": "StageReceivedTime",
    "annotations": "Annotations",
    "user": "User",
    "impersonatedUser": "ImpersonatedUser",
    "objectRef": "ObjectRef",
    "responseStatus": "ResponseStatus",
    "requestObject": "RequestObject",
    "responseObject": "ResponseObject",
    "sourceIPs": "SourceIps",
}


def _canonical(raw: bytes) -> tuple[bytes, Entry]:
    """A row of the table AKSAudit or AKSAuditAdmin as the audit event that it was made of."""
    row = lenient.fields(raw)[0]
    event = {name: Raw(_object(row[column])) for name, column in _COLUMNS.items() if column in row}
    return msgspec.json.encode(event), Entry(
        time=_text(row, "TimeGenerated"), resourceId=_text(row, "_ResourceId")
    )


def _text(row: lenient.Fields, column: str) -> str:
    return (parse(row[column], str) or "") if column in row else ""


def _object(value: Raw) -> bytes:
    """A dynamic column, which exports write as text."""
    text = parse(value, str)
    return (
        text.encode() if text and text[:1] in "{[" and parse(text.encode(), Raw) is not None else bytes(value)
    )


@lru_cache(maxsize=1024)
def _place(resource: str, location: str) -> Place:
    """The cluster of `/SUBSCRIPTIONS/…/MANAGEDCLUSTERS/PROD`; Azure writes it in capitals, whatever it was."""
    parts = resource.lower().split("/") if resource.isupper() else resource.split("/")
    names = [part.lower() for part in parts]
    cluster = parts[names.index("managedclusters") + 1 :][:1] if "managedclusters" in names else []
    account = parts[names.index("subscriptions") + 1 :][:1] if "subscriptions" in names else []
    return Place(
        "aks",
        "azure",
        cluster=cluster[0] if cluster else None,
        cluster_id=resource or None,
        account=account[0] if account else None,
        region=location or None,
    )


def _platform(record: Record, origin: Origin, entry: Entry) -> Event:
    """Another log of the same diagnostic setting: a line of the scheduler, of the authentication webhook …"""
    moment = utc(entry.time)
    place = _place(entry.resourceId, entry.location)
    return Event(
        record,
        origin,
        entry,
        _said,
        moment or NO_TIME,
        "azure.platformlogs",
        module="azure",
        provider="aks",
        action=entry.operationName or None,
        cluster=origin.cluster or place.cluster,
        cluster_id=place.cluster_id,
        orchestrator="kubernetes",
        resource_type=entry.category,
        account=place.account,
        region=place.region,
        cloud=place.cloud,
        labels=None if moment else {"malformed": "time"},
        native_name="azure.platformlogs",
        repeats=True,
    )


def _said(event: Event) -> str:
    properties = parse(_unquoted(event.native.properties), Properties)
    text = parse(properties.log, str) if properties else None
    return (
        f"{clean(event.resource_type or 'the cluster')} logged: {clean((text or '').strip()) or '(nothing)'}"
    )
