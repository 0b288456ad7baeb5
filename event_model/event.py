"""One thing that happened, in the words of the Elastic Common Schema, beside the record that told of it.

Attributes hold what a format knows of its record; fields.py gives each its ECS name and type, and makes the
document. What follows from them (`related.*`, the parts of an address, the sentence) is made when it is asked
for: most events pass without being looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from msgspec import Struct

ECS_VERSION = "9.4.0"


class Origin(Struct, frozen=True):
    """Where records come from: the same for every record of one file or one connection."""

    source: str  # the source's name in the configuration, or the command's
    format: str  # the format that reads its records
    path: str = ""  # the file as the user named it
    cluster: str = ""  # name of the cluster or host, by configuration
    input: str = "file"  # ECS input.type
    host: str = ""  # the collecting host


class Record(Struct, frozen=True, gc=False):
    """One raw record as it was read: line without its end, or one item of an envelope."""

    raw: bytes
    offset: int = 0  # of its first byte in the file (of the envelope, for an item)
    digest: str = ""  # hex SHA-256 of the bytes as read, where `raw` has had secrets replaced since

    def hash(self) -> str:
        """The lower-case hex SHA-256 of the record's bytes as they were read."""
        return self.digest or hashlib.sha256(self.raw).hexdigest()


class Event(Struct, frozen=True, gc=False):
    """One normalized event. Everything after `time` may be missing: None or empty."""

    record: Record
    origin: Origin
    native: Any  # the record as its format decoded it: a Struct or a dictionary; deep fields are read from it
    sentence: Callable[[Event], str]  # makes `message`; a function of the format's
    timestamp: str  # RFC 3339 in UTC, the event's own time, never read time
    dataset: str  # event.dataset, such as kubernetes.audit_logs
    module: str = ""  # event.module
    provider: str = ""  # event.provider: kube-apiserver, eks, gke, aks, dockerd
    kind: str = "event"  # event.kind
    id: str = ""  # event.id: for display and joins; not unique, a caller may choose it
    action: str | None = None  # event.action
    category: tuple[str, ...] = ()  # event.category
    type: tuple[str, ...] = ()  # event.type
    outcome: str = "unknown"  # event.outcome
    reason: str | None = None  # event.reason
    start: str | None = None  # event.start
    user_name: str | None = None
    user_id: str | None = None
    user_groups: list[str] | None = None  # user.group.name and user.roles
    user_kind: str | None = None  # tallyman.user.kind: human, service_account, node, controller, anonymous
    user_effective: str | None = None  # user.effective.name: the impersonated one
    user_effective_groups: list[str] | None = None  # user.effective.roles
    user_target: str | None = None  # user.target.name
    user_email: str | None = None
    source_ip: str | None = None  # source.ip: the peer, never what a header claims
    forwarded_ip: str | None = None  # network.forwarded_ip: what a header claims
    user_agent: str | None = None  # user_agent.original, a claim as well
    cluster: str | None = None  # orchestrator.cluster.name
    cluster_id: str | None = None
    orchestrator: str | None = None  # orchestrator.type: kubernetes, docker-swarm
    namespace: str | None = None  # orchestrator.namespace
    api_version: str | None = None  # orchestrator.api_version
    resource_type: str | None = None  # orchestrator.resource.type: plural, lower case
    resource_name: str | None = None
    resource_id: str | None = None
    subresource: str | None = None  # kubernetes.audit.objectRef.subresource
    method: str | None = None  # http.request.method
    status_code: int | None = None  # http.response.status_code
    url: str | None = None  # url.original
    container_id: str | None = None
    container_name: str | None = None
    images: tuple[str, ...] = ()  # container.image.name, with tag or digest as written
    container_labels: dict[str, str] | None = None
    command_line: str | None = None  # process.command_line
    args: tuple[str, ...] = ()  # process.args
    interactive: bool | None = None  # process.interactive
    exit_code: int | None = None  # process.exit_code
    pod_name: str | None = None  # kubernetes.pod.name
    node_name: str | None = None  # kubernetes.node.name
    stream: str | None = None  # stdout or stderr
    account: str | None = None  # cloud.account.id
    project: str | None = None  # cloud.project.id
    region: str | None = None  # cloud.region
    cloud: str | None = None  # cloud.provider
    labels: dict[str, str] | None = None  # labels.*: truncated, malformed …
    native_name: str = ""  # where the native record stands in the document: kubernetes.audit, docker.event
    repeats: bool = False  # equal records may rightly repeat: the position is part of the identity

    @property
    def message(self) -> str:
        """The event as one plain sentence, such as `alice opened a shell in prod/api-7f9c (app): sh -c id`."""
        return self.sentence(self)


def identity(event: Event) -> str:
    """The event's own id, 40 hex digits: of cluster and raw record, and of the position where records repeat.

    Never of an id inside the record: a Kubernetes caller chooses its auditID.
    """
    parts = [event.origin.cluster, event.record.hash()]
    if event.repeats:
        parts += [event.origin.path, str(event.record.offset)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]
