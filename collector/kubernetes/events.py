"""Make the ECS event of a Kubernetes request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import force_setattr

from collector.kubernetes.audit import DECISION, REASON, TRUNCATED, Audit, ObjectRef, Status, User
from collector.kubernetes.details import Details
from collector.kubernetes.people import ANONYMOUS, user_kind
from collector.kubernetes.sentences import sentence
from collector.kubernetes.shapes import Shape, known, shape_of
from collector.moments import NO_TIME, utc
from event_model.event import Event, Origin, Record

DATASET = "kubernetes.audit_logs"
NATIVE = "kubernetes.audit"

_NOBODY, _NOTHING, _NO_STATUS = User(), ObjectRef(), Status()


class Place(NamedTuple):
    """Which cloud a request was made in, as far as its envelope tells."""

    provider: str = "kube-apiserver"
    cloud: str | None = None
    cluster: str | None = None
    cluster_id: str | None = None
    account: str | None = None
    project: str | None = None
    region: str | None = None
    user_email: str | None = None


HERE = Place()


class Request(Event, frozen=True):
    """The event of a Kubernetes request. Almost all of it is read from the record when it is asked for.

    Most events pass without being looked at, and filling all of an Event takes longer than decoding its record.
    So its attributes stay empty here, and a property stands before each: `_READ`, below, tells what it gives.
    What is to be another event needs another record: `msgspec.structs.replace` of an attribute has no effect.
    """

    place: Place = HERE
    malformed: tuple[str, ...] = ()  # parts of the record that were not as they should be
    cut: bool = False  # bodies were left out
    shape: Shape | None = None  # worked out when first asked for, as is the next
    details: Details | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and (self.record, self.origin) == (other.record, other.origin)

    def __hash__(self) -> int:
        return hash(self.record)

    def __repr__(self) -> str:
        return f"<{self.timestamp} {self.message}>"


def build(
    record: Record,
    origin: Origin,
    audit: Audit,
    place: Place = HERE,
    malformed: tuple[str, ...] = (),
    cut: bool = False,
) -> Request:
    """The event of one request."""
    return Request(
        record, origin, audit, sentence, "", DATASET, "kubernetes", place.provider,
        place=place, malformed=malformed, cut=cut,
    )  # fmt: skip


def usual(record: Record, origin: Origin, audit: Audit) -> Request:
    """The same for a kube-apiserver's own record that has nothing wrong with it, in less time."""
    return Request(record, origin, audit, sentence, "", DATASET, "kubernetes", "kube-apiserver")


def _shape(event: Request) -> Shape:
    shape = event.shape
    if shape is None:
        audit, ref = event.native, event.native.objectRef or _NOTHING
        decision = audit.annotations.get(DECISION, "")
        code = audit.responseStatus.code if audit.responseStatus is not None else None
        key = (audit.verb, ref.resource, ref.subresource, ref.apiGroup, ref.apiVersion, code, decision)
        shape = known.get(key) or shape_of(key)
        force_setattr(event, "shape", shape)
    return shape


def _details(event: Request) -> Details:
    details = event.details
    if details is None:
        look = _shape(event).look
        details = look(event.native) if look is not None else _NO_DETAILS
        force_setattr(event, "details", details)
    return details


_NO_DETAILS = Details()


def _user(event: Request) -> User:
    return event.native.user or _NOBODY


def _acting(event: Request) -> User:
    return event.native.impersonatedUser or _NOBODY


def _ref(event: Request) -> ObjectRef:
    return event.native.objectRef or _NOTHING


def _kind(event: Request) -> str | None:
    user = event.native.user
    if user is not None and user.username:
        return user_kind(user.username, user.groups)
    return ANONYMOUS if event.status_code == 401 else None


def _code(event: Request) -> int | None:
    status = event.native.responseStatus
    return status.code if status is not None else None


def _reason(event: Request) -> str | None:
    status = event.native.responseStatus or _NO_STATUS
    return event.native.annotations.get(REASON) or status.reason or status.message or None


def _forwarded(event: Request) -> str | None:
    claimed = event.native.sourceIPs
    return claimed[0] if len(claimed) > 1 and claimed[0] != claimed[-1] else None


def _name(event: Request) -> str | None:
    ref = event.native.objectRef
    return (ref.name if ref is not None and ref.name else None) or _details(event).name


def _timestamp(event: Request) -> str:
    audit = event.native
    moment: str = audit.stageTimestamp
    if is_usual(moment):
        return moment
    times = (moment, audit.requestReceivedTimestamp, audit.timestamp)
    return next(filter(None, map(utc, times)), NO_TIME)


def _start(event: Request) -> str | None:
    start: str = event.native.requestReceivedTimestamp
    return start if is_usual(start) else utc(start)


def is_usual(moment: str) -> bool:
    """Whether a time is as a kube-apiserver writes it: UTC with microseconds."""
    if len(moment) != 27 or moment[7:20:3] != "-T::." or moment[26] != "Z":
        return False
    try:
        return datetime.fromisoformat(moment) is not None
    except ValueError:
        return False


def _labels(event: Request) -> dict[str, str] | None:
    labels = {}
    if event.cut or TRUNCATED in event.native.annotations:
        labels["truncated"] = "true"
    malformed = dict.fromkeys((*event.malformed, *_bad_times(event.native)))
    if malformed:
        labels["malformed"] = ", ".join(malformed)
    return labels or None


def _bad_times(audit: Audit) -> list[str]:
    told = [name for name in ("stageTimestamp", "requestReceivedTimestamp") if getattr(audit, name)]
    if not told and audit.timestamp:
        told = ["timestamp"]
    bad = [name for name in told if not is_usual(getattr(audit, name)) and utc(getattr(audit, name)) is None]
    return bad if told else ["stageTimestamp"]


_READ: dict[str, Callable[[Any], Any]] = {
    "timestamp": _timestamp,
    "id": lambda event: f"{event.native.auditID}:{event.native.stage}",
    "action": lambda event: event.native.verb or None,
    "category": lambda event: _shape(event).category,
    "type": lambda event: _shape(event).type,
    "outcome": lambda event: _shape(event).outcome,
    "reason": _reason,
    "start": _start,
    "user_name": lambda event: _user(event).username or None,
    "user_id": lambda event: _user(event).uid or None,
    "user_groups": lambda event: _user(event).groups or None,
    "user_kind": _kind,
    "user_effective": lambda event: _acting(event).username or None,
    "user_effective_groups": lambda event: _acting(event).groups or None,
    "user_target": lambda event: _details(event).target,
    "user_email": lambda event: event.place.user_email,
    "source_ip": lambda event: event.native.sourceIPs[-1] if event.native.sourceIPs else None,
    "forwarded_ip": _forwarded,
    "user_agent": lambda event: event.native.userAgent or None,
    "cluster": lambda event: event.origin.cluster or event.place.cluster,
    "cluster_id": lambda event: event.place.cluster_id,
    "orchestrator": lambda event: "kubernetes",
    "namespace": lambda event: _ref(event).namespace or None,
    "api_version": lambda event: _shape(event).api_version,
    "resource_type": lambda event: _ref(event).resource or None,
    "resource_name": _name,
    "resource_id": lambda event: _ref(event).uid or None,
    "subresource": lambda event: _ref(event).subresource or None,
    "method": lambda event: _shape(event).method,
    "status_code": _code,
    "url": lambda event: event.native.requestURI or None,
    "container_name": lambda event: _details(event).container,
    "images": lambda event: _details(event).images,
    "command_line": lambda event: _details(event).command_line,
    "args": lambda event: _details(event).args,
    "interactive": lambda event: _details(event).interactive,
    "pod_name": lambda event: _name(event) if _ref(event).resource == "pods" else None,
    "node_name": lambda event: _name(event) if _ref(event).resource == "nodes" else None,
    "account": lambda event: event.place.account,
    "project": lambda event: event.place.project,
    "region": lambda event: event.place.region,
    "cloud": lambda event: event.place.cloud,
    "labels": _labels,
    "native_name": lambda event: NATIVE,
}
for _attribute, _read in _READ.items():
    setattr(Request, _attribute, property(_read))
