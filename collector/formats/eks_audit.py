"""Audit log of Amazon EKS, as CloudWatch Logs delivers it: subscription data, Firehose records, log events or bare lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import msgspec
from msgspec import Raw, Struct

from collector import lenient
from collector.documents import Documents
from collector.envelopes import GZIP, chained, decoded, listed, unpacked
from collector.formats import kubernetes_audit
from collector.kubernetes.audit import ABSENT, Audit, Brief, absent, parse, peek, read
from collector.kubernetes.behaviour import BEHAVIOUR
from collector.kubernetes.events import Place, build
from collector.kubernetes.redact import redacted
from collector.moments import from_nanoseconds
from event_model.behaviour import Behaviour
from event_model.errors import Unreadable
from event_model.event import Event, Origin, Record
from event_model.ready import ready

HEAD = 1000
MOST_NESTED = 4  # envelopes around one log event: Lambda, Firehose, base64, gzip
_LINE = b'{"kind":"Event",'


class LogEvent(Struct, frozen=True, gc=False):
    """One line of a log stream, in the spelling of subscriptions, of the API, or of Logs Insights."""

    message: Raw = ABSENT
    insights: Raw = msgspec.field(default=ABSENT, name="@message")
    timestamp: int | None = None  # milliseconds since the epoch


class Envelope(Struct, frozen=True, gc=False):
    """Whatever may stand around log events."""

    class Data(Struct, frozen=True, gc=False):
        data: str = ""

    class Delivered(Struct, frozen=True, gc=False):
        class Kinesis(Struct, frozen=True, gc=False):
            data: str = ""

        kinesis: Kinesis | None = None
        data: str = ""

    messageType: str = ""
    logGroup: str = ""
    owner: str = ""
    logEvents: Raw = ABSENT
    events: Raw = ABSENT  # the answer of FilterLogEvents
    awslogs: Data | None = None  # what a Lambda function gets
    Records: list[Delivered] | None = None  # of a Kinesis stream
    records: list[Delivered] | None = None  # of Firehose
    message: Raw = ABSENT
    insights: Raw = msgspec.field(default=ABSENT, name="@message")


@dataclass(frozen=True, slots=True)
class Format:
    behaviour: ClassVar[Behaviour] = BEHAVIOUR
    single: ClassVar[bytes] = _LINE  # what begins so is one record

    def split(self, raw: bytes) -> Iterable[bytes]:
        """The log events inside an envelope, or the record itself. Raises Unreadable."""
        return (raw,) if raw.startswith(_LINE) else _opened(raw, MOST_NESTED)

    def normalize(self, record: Record, origin: Origin) -> Event:
        """The event that one log event or bare line tells of. Raises Unreadable."""
        raw, moment = _inner(record.raw)
        audit, malformed = read(raw)
        if moment and not (audit.stageTimestamp or audit.requestReceivedTimestamp or audit.timestamp):
            audit = msgspec.structs.replace(audit, stageTimestamp=moment)
        return build(record, origin, audit, _place(audit), malformed)

    def redact(self, record: Record, event: Event) -> Record:
        """The record with secret values replaced."""
        inner, _ = _inner(record.raw)
        kept = redacted(inner, event)
        if kept is inner:
            return record
        raw = kept if inner is record.raw else _wrapped(record.raw, kept)
        return Record(raw, record.offset, record.hash())

    def peek(self, raw: bytes) -> Brief | None:
        """As much of a bare line as tells whether any rule could want it; None for anything else."""
        return peek(raw) if raw.startswith(_LINE) else None

    def joiner(self, state: Any = None) -> Documents:
        """Joins the lines of pretty-printed documents."""
        return Documents(state)

    def place(self, raw: bytes, origin: Origin) -> Origin:
        """The origin of the records in an envelope: with the cluster that its log group is named after."""
        if origin.cluster:
            return origin
        for envelope in _envelopes(raw, MOST_NESTED):
            name = cluster_of(envelope.logGroup)
            if name:
                return msgspec.structs.replace(origin, cluster=name)
        return origin

    @staticmethod
    def recognise(sample: bytes) -> float:
        """How sure it is that a file which begins so is a log that CloudWatch has delivered."""
        if sample.startswith(GZIP):
            return 0.0
        head = sample.removeprefix(lenient.BOM).lstrip()[: 4 * HEAD]
        if head[:1] not in (b"{", b"["):
            return 0.0
        if b'"logEvents"' in head and b'"logGroup"' in head:
            return 1.0 if b"/aws/eks/" in head or b"kube-apiserver-audit" in head else 0.6
        if b'"awslogs"' in head[:HEAD]:
            return 0.8
        if b'\\"audit.k8s.io/' in head and (b'"message"' in head or b'"@message"' in head):
            return 0.9
        # a bare line is like any other cluster's but for what EKS adds to its users
        arn = b'"arn:aws' in head or b'"username":"eks:' in head or b'"accessKeyId":[' in head
        return (
            1.0
            if arn and kubernetes_audit.Format.recognise(sample) == 1.0 and b'"sessionName"' in sample
            else 0.0
        )


def cluster_of(group: str) -> str:
    """`prod` of the log group `/aws/eks/prod/cluster`."""
    parts = group.split("/")
    return parts[3] if group.startswith("/aws/eks/") and len(parts) > 4 else ""


def _envelopes(raw: bytes, depth: int) -> list[Envelope]:
    """The envelope, and those inside it. Raises Unreadable."""
    envelope = parse(unpacked(raw).removeprefix(lenient.BOM), Envelope)
    if envelope is None:
        return []
    inner = [each for data in _data(envelope) for each in _envelopes(data, depth - 1)] if depth else []
    return [envelope, *inner]


def _opened(raw: bytes, depth: int) -> list[bytes]:
    text = unpacked(raw)
    found: list[bytes] = []
    for each in chained(text) if text is not raw or text[:1] == b"{" else [text]:
        found += _records(each, depth) if depth else [each]
    return found


def _records(text: bytes, depth: int) -> list[bytes]:
    """The log events of one envelope; the text itself if it is none."""
    if text.removeprefix(lenient.BOM).lstrip()[:1] == b"[":
        found = listed(text, "")
        return [each for item in found for each in _opened(item, depth - 1)] if found is not None else [text]
    envelope = parse(text.removeprefix(lenient.BOM), Envelope)
    if envelope is None or len(envelope.message) or len(envelope.insights):
        return [text]
    if envelope.messageType == "CONTROL_MESSAGE":
        return []  # CloudWatch's question whether anyone listens
    for member, events in (("logEvents", envelope.logEvents), ("events", envelope.events)):
        if not absent(events):
            return listed(text, member) or []
    data = _data(envelope)
    return [each for packed in data for each in _opened(packed, depth - 1)] if data else [text]


def _data(envelope: Envelope) -> list[bytes]:
    if envelope.awslogs:
        return [decoded(envelope.awslogs.data)]
    sent = envelope.Records or envelope.records or ()
    texts = (each.kinesis.data if each.kinesis else each.data for each in sent)
    return [decoded(text) for text in texts if text]


def _inner(raw: bytes) -> tuple[bytes, str | None]:
    """The audit event inside a log event, and the time that the log event gives."""
    if raw.startswith(_LINE):
        return raw, None
    event = parse(raw.removeprefix(lenient.BOM), LogEvent) or lenient.read(raw, LogEvent)[0]
    if absent(event.message) and absent(event.insights):
        return raw, None
    message = event.insights if absent(event.message) else event.message
    text = parse(message, str)
    moment = from_nanoseconds(event.timestamp * 1_000_000) if event.timestamp else None
    if text is None:
        return bytes(message), moment
    if not text.lstrip().startswith("{"):
        raise Unreadable("no audit event: a line of another log stream")
    return text.encode("utf-8", "replace"), moment


def _wrapped(raw: bytes, message: bytes) -> bytes:
    """A log event with another message in it."""
    members: dict[str, Any] = dict(lenient.fields(raw)[0])
    name = "message" if "message" in members else "@message"
    members[name] = message.decode("utf-8", "replace") if bytes(members[name])[:1] == b'"' else Raw(message)
    return msgspec.json.encode(members)


class Extra(Struct, frozen=True, gc=False):
    """What the IAM authenticator says of a caller."""

    arn: list[str] = []
    canonicalArn: list[str] = []


ready(Envelope, LogEvent, Extra)


def _place(audit: Audit) -> Place:
    """The account of the caller, where its IAM identity is known."""
    return _account(bytes(audit.user.extra)) if audit.user is not None else _account(b"")


@lru_cache(maxsize=4096)
def _account(extra: bytes) -> Place:
    found = parse(extra, Extra) if b"arn:aws" in extra else None
    arn = (found.canonicalArn or found.arn) if found else None
    parts = arn[0].split(":") if arn else []
    return Place("eks", "aws", account=parts[4] if len(parts) > 5 and parts[4].isdigit() else None)
