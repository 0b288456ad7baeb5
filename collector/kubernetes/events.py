"""Make the ECS event of a Kubernetes request."""

from __future__ import annotations

from datetime import datetime

from collector.kubernetes.audit import DECISION, REASON, TRUNCATED, Audit, ObjectRef, Status, User
from collector.kubernetes.people import ANONYMOUS, machines, user_kind
from collector.kubernetes.sentences import sentence
from collector.kubernetes.shapes import known, shape_of
from collector.moments import NO_TIME, utc
from event_model.event import Event, Origin, Record

DATASET = "kubernetes.audit_logs"
NATIVE = "kubernetes.audit"

_MARKS = "-T::."  # every third character of a time, from the eighth on

_read_time = datetime.fromisoformat
_NOBODY, _NOTHING, _NO_STATUS = User(), ObjectRef(), Status()


# provider, cloud, cluster's name and id, account, project, region, e-mail address of the user: which cloud a
# request was made in, as far as its envelope tells. No named tuple, for unpacking those is slow.
Place = tuple[
    str, str | None, str | None, str | None, str | None, str | None, str | None, str | None
]  # fmt: skip


def at(
    provider: str = "kube-apiserver",
    cloud: str | None = None,
    cluster: str | None = None,
    *,
    cluster_id: str | None = None,
    account: str | None = None,
    project: str | None = None,
    region: str | None = None,
    user_email: str | None = None,
) -> Place:
    return provider, cloud, cluster, cluster_id, account, project, region, user_email


HERE = at()


def build(
    record: Record,
    origin: Origin,
    audit: Audit,
    where: Place = HERE,
    malformed: tuple[str, ...] = (),
    cut: bool = False,
) -> Event:
    """The event of one request.

    `malformed` names the parts that were not as they should be; `cut` tells that bodies were left out.
    """
    user, ref, status = audit.user or _NOBODY, audit.objectRef or _NOTHING, audit.responseStatus or _NO_STATUS
    notes, code = audit.annotations, status.code
    key = (
        audit.verb, ref.resource, ref.subresource, ref.apiGroup, ref.apiVersion, code, notes.get(DECISION, "")
    )  # fmt: skip
    shape = known.get(key) or shape_of(key)
    action, resource, subresource, category, types, outcome, method, version, is_pod, is_node, look = shape
    provider, cloud, cluster, cluster_id, account, project, region, email = where

    name = ref.name or None
    container = line = interactive = target = acting = acting_groups = labels = forwarded = None
    args = images = ()  # type: tuple[str, ...]
    if look is not None:
        given, container, line, args, interactive, images, target = look(audit)
        name = name or given

    moment, start = audit.stageTimestamp, audit.requestReceivedTimestamp
    try:  # both as a kube-apiserver writes them: UTC with microseconds
        usual = len(moment) == len(start) == 27 and moment[7:20:3] == start[7:20:3] == _MARKS
        if not usual or not (_read_time(moment) and _read_time(start) and moment[26] == start[26] == "Z"):
            moment, start, malformed = _odd_times(audit, malformed)
    except ValueError:
        moment, start, malformed = _odd_times(audit, malformed)
    who, groups, addresses = user.username, user.groups, audit.sourceIPs
    kind = machines.get(who)
    peer = addresses[-1] if addresses else None
    if len(addresses) > 1 and addresses[0] != peer:
        forwarded = addresses[0]
    if audit.impersonatedUser is not None:
        acting, acting_groups = audit.impersonatedUser.username or None, audit.impersonatedUser.groups or None
    if malformed or cut or TRUNCATED in notes:
        labels = _labels(cut or TRUNCATED in notes, malformed)
    # a call with more than thirty arguments is compiled to appends to a list: two tuples take half the time
    first = (
        record, origin, audit, sentence, moment, DATASET, "kubernetes", provider, "event",
        f"{audit.auditID}:{audit.stage}", action, category, types, outcome,
        notes.get(REASON) or status.reason or status.message or None, start or None,
        who or None, user.uid or None, groups or None,
        kind or (user_kind(who, groups) if who else ANONYMOUS if code == 401 else None),
        acting, acting_groups, target, email, peer, forwarded, audit.userAgent or None,
        origin.cluster or cluster, cluster_id, "kubernetes",
    )  # fmt: skip
    rest = (
        ref.namespace or None, version, resource, name, ref.uid or None, subresource,
        method, code, audit.requestURI or None,
        None, container, images, None, line, args, interactive, None,
        name if is_pod else None, name if is_node else None, None,
        account, project, region, cloud, labels, NATIVE,
    )  # fmt: skip
    return Event(*(first + rest))


def _odd_times(audit: Audit, malformed: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
    """Time and start of a record whose times are written otherwise, or are none."""
    texts = {
        "stageTimestamp": audit.stageTimestamp,
        "requestReceivedTimestamp": audit.requestReceivedTimestamp,
        "timestamp": audit.timestamp,
    }
    known_times = {name: utc(text) for name, text in texts.items() if text}
    malformed = (*malformed, *(name for name, moment in known_times.items() if moment is None))
    moment = next(filter(None, known_times.values()), None)
    if not known_times:
        malformed = (*malformed, "stageTimestamp")
    return moment or NO_TIME, known_times.get("requestReceivedTimestamp") or "", malformed


def _labels(cut: bool, malformed: tuple[str, ...]) -> dict[str, str]:
    labels = {}
    if cut:
        labels["truncated"] = "true"
    if malformed:
        labels["malformed"] = ", ".join(dict.fromkeys(malformed))
    return labels
