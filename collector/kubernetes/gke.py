"""Translate a request as GKE tells of it, an entry of Cloud Logging, into the one that the API server wrote."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlencode

from msgspec import Struct

from collector.gcp import AuditLog, LogEntry, caller
from collector.kubernetes.audit import DECISION, REASON, Audit, ObjectRef, Status, User, absent, parse
from collector.moments import utc
from event_model.ready import ready

COMMAND = "command.gke.io/command"
DRY_RUN = "command.gke.io/dryRun"

_VERSION = re.compile(r"v[0-9]+(?:(?:alpha|beta)[0-9]+)?")
_GROUP = re.compile(r'to Group "([^"]+)"$')
_CONNECTIONS = ("exec", "attach", "portforward")
# google.rpc.Code -> the HTTP status that the API server answered with
_CODES = {1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 412, 10: 409, 11: 410, 12: 501, 13: 500, 14: 503, 15: 500, 16: 401}  # fmt: skip
_REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired",
    429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip


class Named(NamedTuple):
    """What method and resource name say together."""

    verb: str
    ref: ObjectRef | None
    path: str


class Answer(Struct, frozen=True, gc=False):
    """A refusal, as the API server put it."""

    kind: str = ""
    code: int | None = None
    reason: str = ""
    message: str = ""


class Connection(Struct, frozen=True, gc=False):
    """What to run, where the request says so itself."""

    command: list[str] = []
    container: str = ""
    stdin: bool = False
    tty: bool = False


ready(Connection, Answer)


def translated(entry: LogEntry, log: AuditLog) -> Audit:
    """The entry in the canonical shape. Groups are those that follow from the name and from the reason."""
    verb, ref, path = named(log.methodName, log.resourceName)
    status = _status(log, verb, ref)
    notes = _annotations(entry, log, status)
    who = log.authenticationInfo
    name, acting = caller(who), who.authoritySelector
    if not name:
        name, acting = acting, ""
    operation = entry.operation
    sent, answered = not absent(log.request), not absent(log.response)
    return Audit(
        kind="Event",
        apiVersion="audit.k8s.io/v1",
        level="RequestResponse" if answered else "Request" if sent else "Metadata",
        auditID=(operation.id if operation else "") or entry.insertId,
        stage="ResponseStarted"
        if operation and operation.first and not operation.last
        else "ResponseComplete",
        requestURI=path + _query(entry, log, ref),
        verb=verb,
        user=User(username=name, groups=_groups(name, notes if not acting else {})),
        impersonatedUser=User(username=acting, groups=_groups(acting, notes)) if acting else None,
        sourceIPs=[log.requestMetadata.callerIp] if log.requestMetadata.callerIp else [],
        userAgent=log.requestMetadata.callerSuppliedUserAgent,
        objectRef=ref,
        responseStatus=status,
        requestObject=log.request,
        responseObject=log.response,
        stageTimestamp=entry.timestamp if utc(entry.timestamp) else entry.receiveTimestamp or entry.timestamp,
        annotations=notes,
    )


@lru_cache(maxsize=8192)
def named(method: str, resource_name: str) -> Named:
    """Verb, object and path of `io.k8s.core.v1.pods.exec.create` on `core/v1/namespaces/shop/pods/api-1/exec`."""
    words = method.split(".")
    verb = words[-1]
    at = max((place for place, word in enumerate(words[:-2]) if _VERSION.fullmatch(word)), default=-1)
    if at < 0 and (method or not _is_object(resource_name)):
        return Named(verb, None, "/" + quote(resource_name.strip("/"), safe="/:%"))
    parts = resource_name.strip("/").split("/") if resource_name else []
    group, version, *below = parts if len(parts) >= 2 else [".".join(reversed(words[:at])), words[at]]
    kind = words[at + 1] if at >= 0 else ""
    namespace = ""
    if below[:1] == ["namespaces"] and kind != "namespaces" and len(below) > 2:
        namespace, below = below[1], below[2:]
    resource = kind or (below[0] if below else "")
    name = below[1] if len(below) > 1 else ""
    subresource = "/".join(words[at + 2 : -1]) if at >= 0 else "/".join(below[2:])
    group = "" if group in ("core", "core.k8s.io") else group
    ref = ObjectRef(
        resource=resource,
        namespace=name if resource == "namespaces" and verb != "create" else namespace,
        name=name,
        apiGroup=group,
        apiVersion=version,
        subresource=subresource,
    )
    return Named(verb, ref, _path(ref, namespace))


def _is_object(resource_name: str) -> bool:
    """Whether it is no bare path such as `healthz`: group and version come first."""
    parts = resource_name.split("/")
    return len(parts) > 2 and _VERSION.fullmatch(parts[1]) is not None and parts[0] not in ("api", "apis")


def _path(ref: ObjectRef, namespace: str) -> str:
    start = f"/apis/{ref.apiGroup}/{ref.apiVersion}" if ref.apiGroup else f"/api/{ref.apiVersion}"
    place = f"/namespaces/{namespace}" if namespace else ""
    return start + place + "".join(f"/{part}" for part in (ref.resource, ref.name, ref.subresource) if part)


def _query(entry: LogEntry, log: AuditLog, ref: ObjectRef | None) -> str:
    pairs: list[tuple[str, str]] = []
    if ref is not None and ref.subresource in ("exec", "attach"):
        sent = parse(log.request, Connection) or Connection()
        words = entry.labels.get(COMMAND, "")
        pairs += [("command", word) for word in sent.command or (words.split(" ") if words else [])]
        pairs += [("container", sent.container)] if sent.container else []
        pairs += [(name, "true") for name in ("stdin", "tty") if getattr(sent, name)]
    if entry.labels.get(DRY_RUN, "false") != "false":
        pairs.append(("dryRun", "All"))
    return f"?{urlencode(pairs)}" if pairs else ""


def _status(log: AuditLog, verb: str, ref: ObjectRef | None) -> Status | None:
    if log.status is None:
        return None
    number = log.status.code
    if number == 0:
        if ref is not None and ref.subresource in _CONNECTIONS:
            return Status(code=101)  # the connection was switched to another protocol
        return Status(code=201 if verb == "create" else 200)
    answer = parse(log.response, Answer) if not absent(log.response) else None
    told = (
        answer
        if answer and answer.kind == "Status" and answer.code and 400 <= answer.code <= 999
        else Answer()
    )
    code = told.code or _CODES.get(number, 500)
    reason = told.reason or ("AlreadyExists" if number == 6 else _REASONS.get(code, ""))
    return Status(status="Failure", message=told.message or log.status.message, reason=reason, code=code)


def _annotations(entry: LogEntry, log: AuditLog, status: Status | None) -> dict[str, str]:
    if DECISION in entry.labels or not log.authorizationInfo or (status and status.code == 401):
        return entry.labels
    granted = all(each.granted for each in log.authorizationInfo)
    return {**entry.labels, DECISION: "allow" if granted else "forbid"}


def _groups(name: str, notes: dict[str, str]) -> list[str]:
    """The groups that a name is always in, and the one that the reason speaks of."""
    if not name:
        return []
    if name == "system:anonymous":
        return ["system:unauthenticated"]
    groups = ["system:authenticated"]
    if name.startswith("system:serviceaccount:"):
        namespace = name.split(":")[2]
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", *groups]
    elif name.startswith("system:node:"):
        groups = ["system:nodes", *groups]
    found = _GROUP.search(notes.get(REASON, ""))
    return [found[1], *groups] if found and found[1] not in groups else groups
