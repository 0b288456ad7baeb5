"""Audit log of Google Kubernetes Engine: entries of Cloud Logging, from a log sink, an export or a Pub/Sub push."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import msgspec
from msgspec import Raw, Struct

from collector import lenient, secrets
from collector.credentials import mask
from collector.documents import Documents
from collector.envelopes import chained, decoded, listed
from collector.gcp import AuditLog, LogEntry, cloud_event
from collector.kubernetes.audit import Audit, absent, parse
from collector.kubernetes.behaviour import BEHAVIOUR
from collector.kubernetes.events import Place, build
from collector.kubernetes.gke import COMMAND, translated
from collector.kubernetes.redact import changes
from collector.moments import utc
from event_model.behaviour import Behaviour
from event_model.errors import Unreadable
from event_model.event import Event, Origin, Record
from event_model.ready import ready

HEAD = 2000
_AUDIT = "type.googleapis.com/google.cloud.audit.AuditLog"
_PARTS = {"requestObject": "request", "responseObject": "response"}


class Push(Struct, frozen=True, gc=False):
    """What Pub/Sub sends: an entry as base64, alone or several of them when they were pulled."""

    class Message(Struct, frozen=True, gc=False):
        data: str = ""

    class Received(Struct, frozen=True, gc=False):
        message: Push.Message

    message: Message | None = None
    receivedMessages: list[Received] = []


ready(Push)


@dataclass(frozen=True, slots=True)
class Format:
    behaviour: ClassVar[Behaviour] = BEHAVIOUR

    def split(self, raw: bytes) -> Iterable[bytes]:
        """The entries of an export or of a Pub/Sub message, or the record itself. Raises Unreadable."""
        start = raw[:HEAD].removeprefix(lenient.BOM).lstrip()
        if start[:1] == b"[" or start[:40].lstrip(b"{ \n\r\t").startswith(b'"entries"'):
            found = listed(raw, "entries")
            return (raw,) if found is None else [each for item in found for each in self.split(item)]
        if b'"message"' in start or b'"receivedMessages"' in start:
            push = parse(raw.removeprefix(lenient.BOM), Push)
            messages = (
                [push.message]
                if push and push.message
                else [each.message for each in push.receivedMessages]
                if push
                else []
            )
            if any(message.data for message in messages):
                return [entry for message in messages for entry in chained(decoded(message.data))]
        return (raw,)

    def normalize(self, record: Record, origin: Origin) -> Event:
        """The event of one entry: a Kubernetes request, or an act on the cloud's API. Raises Unreadable."""
        entry, malformed = _read(record.raw)
        log = entry.protoPayload
        if log is None or not (log.type == _AUDIT or log.methodName or log.serviceName):
            raise Unreadable("no audit entry: it has no protoPayload of an audit log")
        if log.serviceName != "k8s.io" and not (entry.resource.type == "k8s_cluster" and not log.serviceName):
            return cloud_event(record, origin, entry, log, malformed)
        if not log.methodName:
            malformed = (*malformed, "protoPayload.methodName")
        if entry.timestamp and not utc(entry.timestamp):
            malformed = (*malformed, "timestamp")
        return build(record, origin, translated(entry, log), _place(entry, log), malformed)

    def redact(self, record: Record, event: Event) -> Record:
        """The record with secret values replaced."""
        changed = (
            changes(event) if isinstance(event.native, Audit) else _cloud_changes(event.native.protoPayload)
        )
        if not changed:
            return record
        return Record(_changed(record.raw, changed), record.offset, record.hash())

    def joiner(self, state: Any = None) -> Documents:
        """Joins the lines of pretty-printed documents."""
        return Documents(state)

    @staticmethod
    def recognise(sample: bytes) -> float:
        """How sure it is that a file which begins so holds audit entries of Cloud Logging."""
        head = sample.removeprefix(lenient.BOM).lstrip()[: 8 * HEAD]
        if head[:1] not in (b"{", b"["):
            return 0.0
        if b'"protoPayload"' in head and (b"google.cloud.audit.AuditLog" in head or b'"methodName"' in head):
            return 1.0
        if b"cloudaudit.googleapis.com" in head:
            return 0.9
        return 0.6 if b'"subscription"' in head and b'"message"' in head and b'"data"' in head else 0.0


def _read(raw: bytes) -> tuple[LogEntry, tuple[str, ...]]:
    try:
        if not raw.isascii():
            raw.decode()
        return _decode(raw), ()
    except (ValueError, RecursionError):
        return lenient.read(raw, LogEntry)


_decode = msgspec.json.Decoder(LogEntry).decode


def _place(entry: LogEntry, log: AuditLog) -> Place:
    labels, mail = entry.resource.labels, log.authenticationInfo.principalEmail
    place = (labels.get("cluster_name"), labels.get("project_id"), labels.get("location"))
    return _placed(*place, mail if "@" in mail else None)


@lru_cache(maxsize=4096)
def _placed(cluster: str | None, project: str | None, region: str | None, mail: str | None) -> Place:
    return Place("gke", "gcp", cluster, project=project, region=region, user_email=mail)


def _cloud_changes(log: AuditLog) -> dict[str, Any]:
    """The bodies of a request to the cloud's API that hold credentials, such as a cluster's keys."""
    changed = {}
    for name, body in (("requestObject", log.request), ("responseObject", log.response)):
        if not absent(body) and secrets.suspicious(bytes(body)):
            value = parse(body, dict[str, Any])
            if value is not None and (kept := secrets.clean(value)) != value:
                changed[name] = Raw(msgspec.json.encode(kept))
    return changed


def _changed(raw: bytes, changed: dict[str, Any]) -> bytes:
    """An entry with other bodies."""
    members, broken = lenient.fields(raw)
    if broken:
        return secrets.redact_text(raw)
    parts: dict[str, Any] = {**lenient.fields(bytes(members["protoPayload"]))[0]}
    parts |= {_PARTS[name]: body for name, body in changed.items() if name in _PARTS}
    whole: dict[str, Any] = {**members, "protoPayload": parts}
    if "requestURI" in changed:  # made of the label that holds the command
        labels = parse(members.get("labels", Raw(b"{}")), dict[str, Any]) or {}
        whole["labels"] = {**labels, COMMAND: mask(str(labels.get(COMMAND, "")))}
    return msgspec.json.encode(whole)
