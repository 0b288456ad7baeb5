"""Audit entries of Google's Cloud Logging, and the events of those that are no Kubernetes request."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Raw, Struct, field

from collector.kubernetes.audit import ABSENT
from collector.moments import NO_TIME, utc
from collector.sentences import clean
from event_model.event import Event, Origin, Record


class Authentication(Struct, frozen=True, gc=False, omit_defaults=True):
    principalEmail: str = ""
    principalSubject: str = ""
    authoritySelector: str = ""


class Authorization(Struct, frozen=True, gc=False, omit_defaults=True):
    granted: bool = False
    permission: str = ""
    resource: str = ""


class Caller(Struct, frozen=True, gc=False, omit_defaults=True):
    callerIp: str = ""
    callerSuppliedUserAgent: str = ""


class Outcome(Struct, frozen=True, gc=False, omit_defaults=True):
    """google.rpc.Status: 0, which JSON leaves out, is success."""

    code: int = 0
    message: str = ""


class AuditLog(Struct, frozen=True, gc=False, omit_defaults=True):
    """google.cloud.audit.AuditLog, as far as it is of use."""

    type: str = field(default="", name="@type")
    serviceName: str = ""
    methodName: str = ""
    resourceName: str = ""
    status: Outcome | None = None
    authenticationInfo: Authentication = Authentication()
    authorizationInfo: list[Authorization] = []
    requestMetadata: Caller = Caller()
    request: Raw = ABSENT
    response: Raw = ABSENT


class Operation(Struct, frozen=True, gc=False, omit_defaults=True):
    """What an entry is part of: both `first` and `last` where one entry is all."""

    id: str = ""
    producer: str = ""
    first: bool = False
    last: bool = False


class Monitored(Struct, frozen=True, gc=False, omit_defaults=True):
    type: str = ""
    labels: dict[str, str] = {}


class LogEntry(Struct, frozen=True, gc=False, omit_defaults=True):
    """An entry of Cloud Logging."""

    insertId: str = ""
    logName: str = ""
    severity: str = ""
    timestamp: str = ""
    receiveTimestamp: str = ""
    labels: dict[str, str] = {}
    operation: Operation | None = None
    resource: Monitored = Monitored()
    protoPayload: AuditLog | None = None


_CHANGES = {
    "creation": ("create", "insert", "add", "import"),
    "change": ("update", "set", "patch", "start", "complete", "rollback", "upgrade", "enable", "disable"),
    "deletion": ("delete", "remove", "destroy"),
}
_DENIED = (7, 16)


def caller(who: Authentication) -> str:
    """The name of who asked; an identity of another system stands in the subject, after its kind."""
    subject = who.principalSubject
    return who.principalEmail or subject.removeprefix("user:").removeprefix("serviceAccount:")


@lru_cache(maxsize=4096)
def _change(method: str) -> str:
    verb = method.rpartition(".")[2].lower()
    return next((change for change, verbs in _CHANGES.items() if verb.startswith(verbs)), "")


def cloud_event(
    record: Record, origin: Origin, entry: LogEntry, log: AuditLog, malformed: tuple[str, ...]
) -> Event:
    """The event of an act on the cloud's own API, such as making a node pool."""
    moment = utc(entry.timestamp) or utc(entry.receiveTimestamp)
    if moment is None:
        malformed = (*malformed, "timestamp")
    code = log.status.code if log.status else 0
    change, labels = _change(log.methodName), entry.resource.labels
    verdict = "denied" if code in _DENIED else "allowed"
    name = caller(log.authenticationInfo)
    return Event(
        record,
        origin,
        entry,
        _sentence,
        moment or NO_TIME,
        "gcp.audit",
        module="gcp",
        provider=log.serviceName,
        id=entry.insertId,
        action=log.methodName or None,
        category=("configuration",) if change else ("api",),
        type=(change or "access", verdict),
        outcome="failure" if code else "success",
        reason=(log.status.message if log.status else "") or None,
        user_name=name or None,
        user_email=log.authenticationInfo.principalEmail
        if "@" in log.authenticationInfo.principalEmail
        else None,
        user_effective=log.authenticationInfo.authoritySelector or None,
        source_ip=log.requestMetadata.callerIp or None,
        user_agent=log.requestMetadata.callerSuppliedUserAgent or None,
        cluster=origin.cluster or labels.get("cluster_name"),
        resource_type=entry.resource.type or None,
        resource_name=log.resourceName or None,
        project=labels.get("project_id"),
        region=labels.get("location"),
        cloud="gcp",
        labels={"malformed": ", ".join(malformed)} if malformed else None,
        native_name="gcp.audit",
    )


def _sentence(event: Event) -> str:
    who = clean(event.user_name or "an unknown caller")
    what = clean((event.action or "something").rpartition(".")[2])
    place = clean(event.resource_name or event.resource_type or "an unknown resource")
    if "denied" in event.type:
        return f"{who} was refused permission to call {what} on {place}"
    if event.outcome == "failure":
        return f"{who} tried to call {what} on {place}: {clean(event.reason or 'it failed')}"
    return f"{who} called {what} on {place}"
