"""Write a plain audit record as EKS, GKE and AKS deliver it: what a provider does not carry is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

Json = dict[str, Any]

# The audit policies of EKS (which is published) and GKE both come from the one that Kubernetes' own cluster
# scripts write: no core events; secrets and the like without bodies; reads without answers.
_UNRECORDED = {("", "events")}
_BODILESS = {("", "secrets"), ("", "configmaps"), ("authentication.k8s.io", "tokenreviews")}
_EKS_GROUPS = {  # of others it keeps no bodies
    *("", "apps", "autoscaling", "batch", "extensions", "policy", "admissionregistration.k8s.io"),
    *("apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io"),
    *("certificates.k8s.io", "metrics.k8s.io", "networking.k8s.io", "node.k8s.io", "scheduling.k8s.io"),
    *("rbac.authorization.k8s.io", "storage.k8s.io"),
}
_READS = ("get", "list", "watch")

_CLOUDWATCH_LIMIT = 1 << 20  # bytes of one log event; what is longer is cut
_AKS_BODY_LIMIT = 32_000  # about: from there on only a note stands in the body's place
_AKS_TOO_BIG = "skipped-too-big-size-object"

_CONNECTIONS = ("exec", "attach", "portforward", "proxy")
_GRPC = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 409: 10, 410: 11, 422: 3, 429: 8, 500: 13, 503: 14, 504: 4}


def as_plain(record: Json) -> bytes:
    """A line of kube-apiserver's own log."""
    return _text(record).encode()


def as_eks(record: Json) -> bytes:
    """A CloudWatch Logs subscription message, or nothing where EKS records nothing."""
    if _kind(record) in _UNRECORDED:
        return b""
    kept = _bodiless(record) if _kind(record)[0] not in _EKS_GROUPS else _by_policy(record)
    message = _text(_with_arn(record if _is_aws_auth(record) else kept))[:_CLOUDWATCH_LIMIT]
    milliseconds = int(datetime.fromisoformat(_time(record)).timestamp() * 1000)
    return _text(
        {
            "messageType": "DATA_MESSAGE",
            "owner": "111122223333",
            "logGroup": "/aws/eks/prod/cluster",
            "logStream": "kube-apiserver-audit-0a1b2c3d4e5f60718293a4b5c6d7e8f9",
            "subscriptionFilters": ["audit"],
            "logEvents": [{"id": "3" * 56, "timestamp": milliseconds, "message": message}],
        }
    ).encode()


def _is_aws_auth(record: Json) -> bool:
    """The map from IAM to users, which EKS records whole."""
    ref = record.get("objectRef") or {}
    return (ref.get("namespace"), ref.get("name")) == ("kube-system", "aws-auth")


def _with_arn(record: Json) -> Json:
    """EKS adds to a person's record which IAM identity that is."""
    user = record.get("user") or {}
    name = user.get("username", "")
    if not name or name.startswith(("system:", "eks:")):
        return record
    known = {"arn": [f"arn:aws:sts::111122223333:assumed-role/people/{name}"], "sessionName": [name]}
    return {**record, "user": {**user, "extra": {**known, **(user.get("extra") or {})}}}


def as_aks(record: Json) -> bytes:
    """An Event Hub message of diagnostic settings, category kube-audit."""
    audit = dict(record)
    for name in ("requestObject", "responseObject"):
        if name in audit and len(_text(audit[name])) > _AKS_BODY_LIMIT:
            audit[name] = _AKS_TOO_BIG
    item = {
        "operationName": "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read",
        "category": "kube-audit",
        "ccpNamespace": "5eb120ce57f96500011bde2d",
        "resourceId": "/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000001/RESOURCEGROUPS/PROD"
        "/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/PROD",
        "properties": {
            "log": _text(audit) + "\n",
            "stream": "stdout",
            "pod": "kube-apiserver-79599f95c7-qn557",
        },
        "time": _time(record)[:19] + ".0000000Z",
        "Cloud": "AzureCloud",
        "Environment": "prod",
    }
    return b"\xef\xbb\xbf" + _text({"records": [item]}).encode()


def as_gke(record: Json) -> bytes:
    """A LogEntry of Cloud Logging, or nothing where GKE records nothing."""
    if _kind(record) in _UNRECORDED:
        return b""
    verb, method = record.get("verb", ""), _method(record)
    log = "data_access" if verb in _READS and _part(record) != "exec" else "activity"
    entry = {
        "insertId": record.get("auditID", ""),
        "labels": _labels(record),
        "logName": f"projects/shop-prod/logs/cloudaudit.googleapis.com%2F{log}",
        "operation": _operation(record),
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "authenticationInfo": _who(record),
            "authorizationInfo": [_permission(record, method)],
            "methodName": method,
            "requestMetadata": _caller(record),
            "resourceName": _resource(record),
            "serviceName": "k8s.io",
            "status": _status(record),
            **_bodies(record),
        },
        "receiveTimestamp": _time(record),
        "resource": {
            "labels": {"cluster_name": "prod", "location": "europe-west1", "project_id": "shop-prod"},
            "type": "k8s_cluster",
        },
        "timestamp": _time(record),
    }
    return _text({name: value for name, value in entry.items() if value != {}}).encode()


PROVIDERS: dict[str, tuple[str, Callable[[Json], bytes]]] = {
    "eks": ("eks_audit", as_eks),
    "gke": ("gke_audit", as_gke),
    "aks": ("aks_audit", as_aks),
}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _time(record: Json) -> str:
    return str(record.get("stageTimestamp") or record.get("requestReceivedTimestamp"))


def _kind(record: Json) -> tuple[str, str]:
    ref = record.get("objectRef") or {}
    return ref.get("apiGroup", ""), ref.get("resource", "")


def _part(record: Json) -> str:
    return str((record.get("objectRef") or {}).get("subresource", ""))


def _by_policy(record: Json) -> Json:
    """The record as the policy of EKS and GKE leaves it."""
    if _kind(record) in _BODILESS:
        return _bodiless(record)
    lost = ("responseObject",) if record.get("verb") in _READS else ()
    return {name: value for name, value in record.items() if name not in lost}


def _bodiless(record: Json) -> Json:
    kept = {name: value for name, value in record.items() if name not in ("requestObject", "responseObject")}
    return {**kept, "level": "Metadata"}


def _method(record: Json) -> str:
    """io.k8s.authorization.rbac.v1.clusterrolebindings.create: the group's name backwards."""
    ref = record.get("objectRef")
    verb = record.get("verb", "")
    if not ref:
        return f"io.k8s.{verb}"
    group = ref.get("apiGroup") or "core"
    group = ".".join(reversed(group.split("."))) if "." in group else f"io.k8s.{group}"
    parts = (group, ref.get("apiVersion", "v1"), ref.get("resource"), ref.get("subresource"), verb)
    return ".".join(part for part in parts if part)


def _resource(record: Json) -> str:
    """core/v1/namespaces/shop/pods/api-1/exec, or the path of what is no resource."""
    ref = record.get("objectRef")
    if not ref:
        return str(record.get("requestURI", "")).partition("?")[0].strip("/")
    parts = [ref.get("apiGroup") or "core", ref.get("apiVersion", "v1")]
    if ref.get("namespace") and ref.get("resource") != "namespaces":
        parts += ["namespaces", ref["namespace"]]
    parts += [ref.get("resource"), ref.get("name") or _given(record), ref.get("subresource")]
    return "/".join(part for part in parts if part)


def _given(record: Json) -> str:
    """The name that the server gave a new object: GKE's records have it where plain ones do not."""
    answer = record.get("responseObject")
    if record.get("verb") != "create" or not isinstance(answer, dict):
        return ""
    return str((answer.get("metadata") or {}).get("name", ""))


def _who(record: Json) -> Json:
    """No groups, no uid, no extra: only names."""
    name = (record.get("user") or {}).get("username", "")
    other = (record.get("impersonatedUser") or {}).get("username", "")
    if name in ("", "system:anonymous"):
        return {"authoritySelector": name} if name else {}
    return {"principalEmail": name, **({"authoritySelector": other} if other else {})}


def _caller(record: Json) -> Json:
    addresses = record.get("sourceIPs") or []
    caller = {
        "callerIp": addresses[-1] if addresses else "",
        "callerSuppliedUserAgent": record.get("userAgent", ""),
    }
    return {name: value for name, value in caller.items() if value}


def _permission(record: Json, method: str) -> Json:
    granted = (record.get("annotations") or {}).get("authorization.k8s.io/decision") == "allow"
    asked = {"permission": method, "resource": _resource(record)}
    return {"granted": True, **asked} if granted else asked


def _status(record: Json) -> Json:
    answer = record.get("responseStatus") or {}
    code = answer.get("code")
    if code is None or code < 400:
        return {"code": 0}
    number = 6 if answer.get("reason") == "AlreadyExists" else _GRPC.get(code, 2)
    return {"code": number, **({"message": answer["message"]} if answer.get("message") else {})}


def _operation(record: Json) -> Json:
    """A request that lasts has an entry for its start and one for its end; any other is both at once."""
    lasts = record.get("verb") == "watch" or _part(record) in _CONNECTIONS
    started = record.get("stage") == "ResponseStarted"
    stages = {"first": True} if started else {"last": True} if lasts else {"first": True, "last": True}
    return {**stages, "id": record.get("auditID", ""), "producer": "k8s.io"}


def _labels(record: Json) -> Json:
    """The annotations, and the two things that GKE keeps of the address."""
    asked = parse_qs(str(record.get("requestURI", "")).partition("?")[2])
    labels = dict(record.get("annotations") or {})
    if asked.get("command") and _part(record) in ("exec", "attach"):
        labels["command.gke.io/command"] = " ".join(asked["command"])
    if asked.get("dryRun"):
        labels["command.gke.io/dryRun"] = "true"
    return labels


def _bodies(record: Json) -> Json:
    """Request and answer as protocol buffers' structs, which name their type and cannot be lists."""
    if _part(record) == "token":
        return {}
    found = {}
    kept = _by_policy(record)
    for name, body in (("request", kept.get("requestObject")), ("response", kept.get("responseObject"))):
        if isinstance(body, dict):
            patched = name == "request" and record.get("verb") == "patch"
            found[name] = {"@type": "k8s.io/Patch" if patched else _type(body), **body}
    return found


def _type(body: Json) -> str:
    group, _, version = str(body.get("apiVersion", "v1")).rpartition("/")
    group = group if "." in group else f"{group or 'core'}.k8s.io"
    return f"{group}/{version}.{body.get('kind', 'Object')}"
